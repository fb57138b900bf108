"""Another computer whose backend does the jobs: how it is named, and the worker that passes messages on to it.

That worker runs in Blender's own Python and needs no packages; see the backend's `remote`.
"""

import sys
from dataclasses import dataclass

from . import log_file
from .backend_locator import worker_file
from .client import WorkerClient


@dataclass(frozen=True)
class AnotherComputer:
    """A computer that ssh reaches; see the backend's `remote.place.Place`.

    Args:
        host: a name, `user@name`, or an alias of ~/.ssh/config.
        port: of its ssh server; 0 leaves it to ssh.
        backend: path of its backend; empty looks in the usual places.
        minutes: how long a cut line is waited for.
    """

    host: str
    port: int = 0
    backend: str = ""
    minutes: float = 10.0

    def words(self) -> list[str]:
        """Return the arguments with which the worker passes messages on."""
        named = {"host": self.host, "port": self.port, "host-backend": self.backend, "host-minutes": self.minutes}
        return [f"--{name}={value}" for name, value in named.items()]


def start_remote_worker(computer: AnotherComputer, brief: bool = False) -> WorkerClient:
    """Start a worker that passes everything on to another computer.

    Args:
        brief: whether it only reports that it is ready.
    Raises:
        BackendMissing: Blender's own Python cannot be started.
        FolderError: the log cannot be written.
    """
    log = log_file.new_log()
    return WorkerClient(sys.executable, worker_file(), log, brief=brief, words=computer.words(), host=computer.host)
