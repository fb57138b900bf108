"""The errors that a user can cause, as one small tree. Every other error is a bug and stays a plain exception.

    ActionMeshError
    ├── InputError              an argument that makes no sense
    │   ├── MediaError          a clip, picture or mask that cannot be used
    │   └── MeshError           a mesh that cannot be used
    ├── CheckpointError         weights that are missing, or not the tensors that the network needs
    ├── DownloadError           the hub refuses or does not answer, or sent damaged data
    ├── OutputError             a result that cannot be written
    └── Cancelled               the user asked to stop

Each has one sentence that names what is wrong and one that says what to do about it.
"""


class ActionMeshError(Exception):
    """Base of all errors that a user can cause.

    Args:
        problem: one sentence naming the file or value at fault.
        cure: one sentence saying what to do.
    """

    code = "error"

    def __init__(self, problem: str, cure: str = ""):
        super().__init__(f"{problem} {cure}".strip())
        self.problem = problem
        self.cure = cure


class InputError(ActionMeshError):
    code = "bad_input"


class MediaError(InputError):
    code = "bad_media"


class MeshError(InputError):
    code = "bad_mesh"


class CheckpointError(ActionMeshError):
    code = "bad_checkpoint"


class DownloadError(ActionMeshError):
    code = "cannot_download"


class OutputError(ActionMeshError):
    code = "cannot_write"


class Cancelled(ActionMeshError):
    code = "cancelled"

    def __init__(self) -> None:
        super().__init__("The job was cancelled.")
