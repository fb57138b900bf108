"""The errors that an artist can cause. Each has one sentence on what is wrong and one on what to do.

    ArtistError             anything an artist can put right
    ├── TargetError         the object cannot be animated
    │   └── TargetChanged   it was deleted or edited while a job ran; the result is still in its job folder
    ├── MotionError         the file of a result is missing, damaged or does not fit
    ├── BackendMissing      no Python was found that can run the backend, or the chosen one cannot
    ├── InstallError        the backend cannot be installed here, or not in the requested way
    ├── RenderError         Blender cannot render, or ended while rendering
    └── FolderError         a folder of jobs or logs cannot be made or written

`fix` names an operator that fixes the problem, if there is one.
"""


class ArtistError(Exception):
    """An error to show to the artist as it is.

    Args:
        problem: one sentence on what is wrong.
        cure: one sentence on what to do; may be empty.
        fix: idname of an operator that fixes it, such as "object.mode_set", or None.
    """

    def __init__(self, problem: str, cure: str = "", fix: str | None = None):
        super().__init__(f"{problem} {cure}".strip())
        self.problem, self.cure, self.fix = problem, cure, fix


class TargetError(ArtistError):
    """The object cannot take the animation as it is."""


class TargetChanged(TargetError):
    """The object is no longer the one that the job started with."""


class MotionError(ArtistError):
    """The file of a result cannot be used."""


class BackendMissing(ArtistError):
    """The backend cannot be started here."""


class InstallError(ArtistError):
    """The backend's environment cannot be made, repaired or removed."""


class RenderError(ArtistError):
    """Blender cannot render.

    Args:
        log: the last lines of the log of the second Blender, if that one rendered.
    """

    def __init__(self, problem: str, cure: str = "", log: str = ""):
        super().__init__(problem, cure)
        self.log = log


class FolderError(ArtistError):
    """A folder of jobs or logs cannot be used."""
