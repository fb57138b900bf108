"""The two programs that an installation needs: uv, from its own wheel, and a Python for the environment.

uv's wheel comes from the add-on's folder `wheels` (in a clone `.wheels`) or from the folder of wheels that the artist
chose; otherwise it is downloaded. Its hash is always checked. The installer extracts the program itself, because
Blender unpacks wheels without their programs.
"""

import os
import re
import shutil
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path

from ..errors import InstallError
from ..process.backend_locator import HERE
from ..reading import sha256
from . import diagnosis, index
from .child import Children
from .computer import Computer
from .index import TOLD
from .locks import Lock, locks_folder
from .places import downloads_folder
from .sources import Sources

BASE_VARIABLE = "ACTIONMESH_BASE_PYTHON"
TAGS = {"linux-x64": "manylinux_2_17_x86_64", "windows-x64": "win_amd64", "macos-arm64": "macosx_11_0_arm64"}
TEST = "import ctypes, ssl, sys; print('%d.%d' % sys.version_info[:2], sys.maxsize > 2**32)"


@dataclass(frozen=True)
class Uv:
    """The program uv, with the settings that every call uses.

    Args:
        path: path of the program.
        sources: where packages come from.
    """

    path: Path
    sources: Sources

    def command(self, *words: str) -> list[str]:
        return [str(self.path), *words]

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables: our own folders for everything that uv writes, no progress bars, and the sources."""
        own = {"UV_CACHE_DIR": cache_folder(), "UV_PYTHON_INSTALL_DIR": downloads_folder() / "python"}
        fixed = {
            "UV_NO_PROGRESS": "1",
            "NO_COLOR": "1",
            "UV_PYTHON_INSTALL_BIN": "0",
            "UV_PYTHON_INSTALL_REGISTRY": "0",
        }
        return {name: str(path) for name, path in own.items()} | fixed | self.sources.variables()


def cache_folder() -> Path:
    return downloads_folder() / "cache"


def uv_lock() -> tuple[str, set[str]]:
    """Return the version of uv and the SHA-256 hashes of its wheels."""
    text = (locks_folder() / "uv.txt").read_text(encoding="utf-8")
    return text.split()[0].partition("==")[2], set(re.findall(r"sha256:([0-9a-f]{64})", text))


def get_uv(computer: Computer, sources: Sources, children: Children, told: TOLD) -> Uv:
    """Copy uv into the user's folder, make it executable, and return it.

    Raises:
        InstallError: its wheel cannot be found, or it does not run here.
    """
    version, digests = uv_lock()
    path = _uv_path()
    if not _runs(path, version, children):
        wheel = _carried(digests) or index.fetch_wheel(
            "uv", digests, TAGS[computer.platform], sources, downloads_folder(), told
        )
        _copy_out(wheel, path)
        if wheel.parent == downloads_folder():
            wheel.unlink()
        if not _runs(path, version, children):
            raise InstallError(
                f"The installer {path} cannot be run.",
                "Allow programs to run in that folder, or name another in the variable ACTIONMESH_HOME.",
            )
    return Uv(path, sources)


def _uv_path() -> Path:
    return downloads_folder() / f"uv-{uv_lock()[0]}" / ("uv.exe" if os.name == "nt" else "uv")


def _carried(digests: set[str]) -> Path | None:
    """Return the wheel in the add-on, or the one that `build.py package` downloaded in a clone."""
    for folder in (HERE / "wheels", HERE.parent / ".wheels"):
        for path in sorted(folder.glob("uv-*.whl")):
            if sha256(path) in digests:
                return path
    return None


def _copy_out(wheel: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".part-{path.name}")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [each for each in archive.namelist() if each.endswith(f".data/scripts/{path.name}")]
        with archive.open(name) as source, part.open("wb") as target:
            shutil.copyfileobj(source, target)
    part.chmod(part.stat().st_mode | stat.S_IXUSR)
    part.replace(path)


def _runs(path: Path, version: str, children: Children) -> bool:
    if not path.is_file():
        return False
    try:
        return version in children.run([str(path), "--version"]).tail
    except OSError:
        return False


def get_python(
    uv: Uv, locks: list[Lock], computer: Computer, blender_python: str, children: Children
) -> tuple[str, Lock]:
    """Return a Python for which there is a lock, and that lock.

    Tries in order: the Python that ACTIONMESH_BASE_PYTHON names, one of the system or downloaded earlier, one
    downloaded now, and Blender's own, which disappears when that Blender is removed.

    Raises:
        InstallError: there is none.
    """
    if named := os.environ.get(BASE_VARIABLE):
        return named, _lock_for(named, locks, children, f"{BASE_VARIABLE} names {named}")
    for lock in locks:
        found = children.run(
            uv.command("python", "find", lock.python, "--system", "--no-python-downloads", "--no-project"),
            uv.variables,
        )
        path = found.tail.splitlines()[-1] if found.code == 0 else ""
        if path and _version_of(path, children) == lock.python:
            return path, lock
    if not uv.sources.wheels and (downloaded := _download_python(uv, locks, children)):
        return downloaded
    if not blender_python or computer.box:
        wanted = " or ".join(lock.python for lock in locks)
        raise InstallError(
            f"No Python {wanted} was found, and none could be downloaded.", f"Install Python {wanted} from python.org."
        )
    return blender_python, _lock_for(blender_python, locks, children, "Blender's own Python is the only one here")


def _download_python(uv: Uv, locks: list[Lock], children: Children) -> tuple[str, Lock] | None:
    lock = locks[0]
    if children.run(uv.command("python", "install", lock.python, "--system-certs"), uv.variables).code != 0:
        return None
    found = children.run(uv.command("python", "find", lock.python, "--managed-python", "--no-project"), uv.variables)
    return (found.tail.splitlines()[-1], lock) if found.code == 0 else None


def _lock_for(python: str, locks: list[Lock], children: Children, because: str) -> Lock:
    version = _version_of(python, children)
    for lock in locks:
        if lock.python == version:
            return lock
    wanted = " or ".join(lock.python for lock in locks)
    raise InstallError(
        f"{because}, and it is not a working Python {wanted}.", f"Install Python {wanted} from python.org."
    )


def _version_of(python: str, children: Children) -> str:
    """Return the version, such as "3.11"; empty if the Python does not run, lacks a module, or is 32-bit."""
    try:
        ended = children.run([python, "-I", "-c", TEST])
    except OSError:
        return ""
    version, _, wide = ended.tail.rpartition("\n")[2].partition(" ")
    return version if ended.code == 0 and wide == "True" else ""


def make_environment(uv: Uv, python: str, folder: Path, children: Children) -> None:
    """Make an empty virtual environment."""
    ended = children.run(uv.command("venv", "--no-project", "--python", python, str(folder)), uv.variables)
    if ended.code != 0:
        raise diagnosis.explain(ended.tail, "make an environment")
