"""The errors that a user can cause, as one small tree. Every other error is a bug and stays a plain exception.

    ActionMeshError
    ├── InputError              an argument that makes no sense
    │   ├── MediaError          a clip, picture or mask that cannot be used
    │   └── MeshError           a mesh that cannot be used
    ├── CheckpointError         weights that are missing, or not the tensors that the network needs
    ├── DownloadError           the hub refuses or does not answer, or sent damaged data
    ├── OutputError             a result that cannot be written
    ├── RemoteError             a backend on another computer that cannot be reached or used
    └── Cancelled               the user asked to stop

Each has one sentence that names what is wrong and one that says what to do about it.
"""

from .protocol import Checked, Kind


class ActionMeshError(Exception):
    """Base of all errors that a user can cause.

    Args:
        problem: one sentence naming the file or value at fault.
        cure: one sentence saying what to do.
    """

    code: str = "error"

    def __init__(self, problem: str, cure: str = ""):
        super().__init__(f"{problem} {cure}".strip())
        self.problem = problem
        self.cure = cure


class InputError(ActionMeshError):
    code = Kind.BAD_INPUT


class MediaError(InputError):
    code = Kind.BAD_MEDIA


class MeshError(InputError):
    code = Kind.BAD_MESH


class CheckpointError(ActionMeshError):
    code = Kind.BAD_CHECKPOINT


class DownloadError(ActionMeshError):
    code = Kind.CANNOT_DOWNLOAD


class OutputError(ActionMeshError):
    code = Kind.CANNOT_WRITE


class RemoteError(ActionMeshError):
    code = Kind.CANNOT_REACH


class Cancelled(ActionMeshError):
    code = Kind.CANCELLED

    def __init__(self) -> None:
        super().__init__("The job was cancelled.")


def require_sound(record: Checked) -> None:
    """Raise InputError if a field of a job, or of its frames, makes no sense."""
    if fault := record.fault():
        raise InputError(*fault)
