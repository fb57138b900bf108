"""An ssh server on the loopback address, for this user alone, with keys of its own; and an `ssh` that reaches it."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

PATHS = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
SSHD, SSH, KEYGEN = (shutil.which(name, path=PATHS) for name in ("sshd", "ssh", "ssh-keygen"))
BACKEND = Path(__file__).resolve().parents[2] / "backend"
HOST = "loopback"
START_SECONDS = 30
needs_sshd = pytest.mark.skipif(
    not (SSHD and SSH and KEYGEN and os.name == "posix"), reason="No sshd was found; install OpenSSH's server to test."
)
SERVER = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
LogLevel ERROR
SetEnv ACTIONMESH_REMOTE_FOLDER={folder}/there OMP_NUM_THREADS=1
"""
CLIENT = """\
Host {host} stranger
  HostName 127.0.0.1
  Port {port}
  IdentityFile {folder}/user
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile none
Host closed
  HostName 127.0.0.1
  Port {closed}
  UserKnownHostsFile {folder}/known_hosts
Host {host}
  HostKeyAlias {host}
"""


class Server:
    """A running sshd, its folder, and the port."""

    def __init__(self, folder: Path):
        assert SSHD and KEYGEN
        self.folder, self.port = folder, free_port()
        for name in ("host", "user", "other"):
            subprocess.run([KEYGEN, "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
        self.know("host")
        facts = {"folder": folder, "port": self.port, "host": HOST, "closed": free_port()}
        (folder / "sshd_config").write_text(SERVER.format(**facts))
        (folder / "ssh_config").write_text(CLIENT.format(**facts))
        programs = folder / "bin"
        programs.mkdir()
        (programs / "ssh").write_text(
            f'#!/bin/sh\n[ -e {folder}/cut ] && exit 255\nexec {SSH} -F {folder}/ssh_config "$@"\n'
        )
        (programs / "ssh").chmod(0o755)
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        command = [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
        self._process = subprocess.Popen(command, stderr=(folder / "sshd.log").open("wb"))
        self._wait()

    @property
    def there(self) -> Path:
        """The folder that the other computer keeps."""
        return self.folder / "there"

    def know(self, name: str) -> None:
        """Let the client know a host key: the server's own, "host", or another one."""
        kind, key, *_ = (self.folder / f"{name}.pub").read_text().split()
        (self.folder / "known_hosts").write_text(f"{HOST} {kind} {key}\n")

    def path(self) -> str:
        """Return a PATH on which `ssh` reaches this server."""
        return f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"

    @property
    def network(self) -> Path:
        """While this file exists, no new line can be made."""
        return self.folder / "cut"

    def end(self) -> None:
        self._process.terminate()
        self._process.wait()

    def _wait(self) -> None:
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > end:
                    pytest.skip(f"sshd does not start: {(self.folder / 'sshd.log').read_text()[-300:]}")
                time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def program(folder: Path, package: Path) -> str:
    """Return the path of a program `actionmesh` in `folder`, as an installation has it, of the package in `package`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "actionmesh"
    path.write_text(f'#!/bin/sh\nexport PYTHONPATH="{package}"\nexec "{sys.executable}" -P -m actionmesh "$@"\n')
    path.chmod(0o755)
    return str(path)


def package_with_worker(folder: Path, worker: Path) -> Path:
    """Make a package `actionmesh` in `folder` that is the real one, but for its worker; return `folder`."""
    (folder / "actionmesh").mkdir(parents=True)
    for entry in (BACKEND / "actionmesh").iterdir():
        if entry.name not in ("worker.py", "__pycache__"):
            (folder / "actionmesh" / entry.name).symlink_to(entry)
    (folder / "actionmesh" / "worker.py").symlink_to(worker)
    return folder
