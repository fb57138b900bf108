"""A bare Debian in a folder, with an ordinary user in it.

Everything runs in mount and process namespaces that `prove.py` makes. The mounts are invisible from outside. When the
first process ends, for any reason, all other processes and all mounts end too, so removing the folder cannot remove
lent files.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from .log import Log, ProofError

USER = "artist"
HOME = f"/home/{USER}"
PROGRAMS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SYSTEM = {"HOME": "/root", "PATH": PROGRAMS, "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
OWN = {"HOME": HOME, "USER": USER, "LOGNAME": USER, "PATH": PROGRAMS, "LANG": "C.UTF-8", "SHELL": "/bin/bash"}
SCRATCH = ("proc", "sys", "dev", "tmp", "var/tmp", "run")


class Root:
    """A Debian in a folder.

    Args:
        folder: folder of the Debian.
        proxies: the variables that name a proxy.
    """

    def __init__(self, folder: Path, log: Log, proxies: Mapping[str, str]):
        self.folder, self.log, self.proxies = folder, log, dict(proxies)
        self.mounts: list[Path] = []
        self.is_new = not (folder / "etc" / "debian_version").exists()

    def make(self, suite: str, mirror: str) -> None:
        """Install the smallest Debian, unless the folder already has one, and give it a user with an empty home."""
        if self.is_new:
            self.log.run(["debootstrap", "--variant=minbase", suite, str(self.folder), *([mirror] if mirror else [])])
        for name in ("resolv.conf", "hosts"):
            shutil.copy(f"/etc/{name}", self.folder / "etc" / name)
        self._mount_system()
        if self.is_new:
            self.as_root("useradd", "--create-home", "--shell", "/bin/bash", USER)
        self.as_root("find", HOME, "-mindepth", "1", "-delete")
        self.as_root("apt-get", "update", "-q")

    def _mount_system(self) -> None:
        self._mount("-t", "proc", "proc", "proc")
        mounted = self.folder / "etc" / "mtab"  # every installed Debian has it; debootstrap's smallest does not
        if not mounted.is_symlink():
            mounted.symlink_to("../proc/self/mounts")
        self._mount("--rbind", "/sys", "sys")
        self._mount("--rbind", "/dev", "dev")
        self._mount("-t", "tmpfs", "tmpfs", "dev/shm")

    def _mount(self, *words: str) -> None:
        target = self.folder / words[-1]
        self.log.run(["mount", *words[:-1], str(target)])
        self.mounts.append(target)

    def lend(self, path: Path) -> None:
        """Mount a file or folder of this machine at the same path, read-only and visible to all users."""
        target = self.inside(path)
        if any(target.is_relative_to(mount) for mount in self.mounts):
            return
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
        for folder in target.relative_to(self.folder).parents:
            above = self.folder / folder
            above.chmod(above.stat().st_mode | 0o111)
        self._mount("--bind", str(path), str(target.relative_to(self.folder)))
        self.log.run(["mount", "-o", "remount,bind,ro", str(target)])

    def inside(self, path: Path | str) -> Path:
        """Return the path, seen from outside, of a path inside the root."""
        return self.folder / str(path).lstrip("/")

    def install(self, *packages: str, extra: bool = False) -> None:
        """Install packages; with `extra`, their recommended packages too."""
        recommends = [] if extra else ["--no-install-recommends"]
        self.as_root("apt-get", "install", "-y", "-q", *recommends, *packages)

    def as_root(self, *command: str) -> str:
        return self.log.run(["chroot", str(self.folder), *command], {**SYSTEM, **self.proxies})

    def command(self, *command: str, folder: str = HOME) -> list[str]:
        """Return the command that runs a program as the user."""
        go = ["/bin/sh", "-c", 'cd "$0" && exec "$@"', folder]
        return ["chroot", f"--userspec={USER}:{USER}", str(self.folder), *go, *command]

    def variables(self, **more: str) -> dict[str, str]:
        """Return the complete environment variables of the user's programs."""
        return {**OWN, **self.proxies, **more}

    def as_user(self, *command: str, folder: str = HOME, code: int = 0) -> str:
        return self.log.run(self.command(*command, folder=folder), self.variables(), code)

    def give(self, path: Path, to: str) -> None:
        """Copy a file to a path inside the root, owned by the user."""
        target = self.inside(to)
        shutil.copy(path, target)
        facts = self.inside(HOME).stat()
        os.chown(target, facts.st_uid, facts.st_gid)

    def strays(self) -> list[str]:
        """Return the user's files outside the home and the usual temporary folders."""
        owner, found = self.inside(HOME).stat().st_uid, []
        skipped = {str(self.inside(HOME)), *map(str, self.mounts), *(str(self.folder / name) for name in SCRATCH)}
        for place, folders, files in os.walk(self.folder):
            folders[:] = [name for name in folders if os.path.join(place, name) not in skipped]
            paths = [os.path.join(place, name) for name in (*folders, *files)]
            found += [path[len(str(self.folder)) :] for path in paths if os.lstat(path).st_uid == owner]
        return found

    def processes(self) -> list[str]:
        """Return the programs that are still running in the root."""
        found = []
        for place in self.folder.glob("proc/[0-9]*"):
            try:
                inside = os.readlink(place / "root") == str(self.folder)
                words = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            except OSError:
                continue  # it ended in the meantime
            if inside and words:
                found.append(words)
        return found


def make_bundle(repository: Path, folder: Path, log: Log) -> Path:
    """Pack the committed files into one bundle, from which the root's user clones; return its path."""
    path = folder / "actionmesh.bundle"
    log.run(["git", "-C", str(repository), "bundle", "create", "-q", str(path), "HEAD"])
    return path


def check_strays(root: Root) -> None:
    """Raise ProofError if the user left files outside the home or running processes."""
    if strays := root.strays():
        raise ProofError(f"Written outside the user's home: {', '.join(strays[:20])}.")
    if left := root.processes():
        raise ProofError(f"Still running: {'; '.join(left)}.")
