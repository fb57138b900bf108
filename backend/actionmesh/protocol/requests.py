"""What the client asks of the worker, except for jobs on a clip, which are in `job`."""

from dataclasses import dataclass
from typing import ClassVar

from .kinds import JobId

VERSION = 11


@dataclass(frozen=True)
class Params:
    """The parameters of a method; the method is named here and nowhere else."""

    METHOD: ClassVar[str]


@dataclass(frozen=True)
class Initialize(Params):
    """Ask who the worker is; refused if the two sides speak different versions.

    `brief` leaves out versions, devices and checkpoints, which require loading PyTorch. `first_frame` is the number
    that sentences give to a clip's first frame, 0 or 1.
    """

    METHOD = "initialize"
    protocol: int = VERSION
    brief: bool = False
    first_frame: int = 0


@dataclass(frozen=True)
class Ping(Params):
    """Ask whether the worker still listens; answered at once, whatever else it is doing."""

    METHOD = "ping"


@dataclass(frozen=True)
class Download(Params):
    """Download model sets into a checkpoint's folder. Progress is in bytes; cancelling keeps what has arrived.

    Needs a worker that was started for downloads: one that runs with HF_HUB_OFFLINE set downloads nothing. The worker
    takes the token from its HF_TOKEN.

    Args:
        sets: keys in `weights.public.SETS`.
        accepted: names of the models whose licences were accepted.
        half: also make half-precision copies, in another folder.
    """

    METHOD = "download"
    sets: tuple[str, ...]
    folder: str
    accepted: tuple[str, ...] = ()
    half: bool = False


@dataclass(frozen=True)
class RemoveModels(Params):
    """Delete the downloaded files of model sets, and nothing else."""

    METHOD = "remove_models"
    sets: tuple[str, ...]
    folder: str


@dataclass(frozen=True)
class Cancel(Params):
    """Ask a job to stop; the job itself then answers with a `cancelled` error."""

    METHOD = "cancel"
    job: JobId


@dataclass(frozen=True)
class Unload(Params):
    """Free the models' memory."""

    METHOD = "unload"


@dataclass(frozen=True)
class Shutdown(Params):
    """End the worker, and with it any running job."""

    METHOD = "shutdown"
