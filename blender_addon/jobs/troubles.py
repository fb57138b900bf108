"""Translate exceptions into user-facing errors of jobs, on both sides of the pipe."""

import traceback
from collections.abc import Callable
from pathlib import Path

from ..errors import ArtistError, FolderError, RenderError
from ..process.backend_locator import protocol
from .folder import cannot_write
from .record import JobError, Trouble

NEED_THE_LOG = frozenset((protocol.Kind.INTERNAL, protocol.Kind.BAD_INSTALL, protocol.Kind.OUT_OF_MEMORY))


def told_by_backend(error: protocol.ProtocolError, log_tail: Callable[[], str]) -> JobError:
    """Return the job error for a backend error; add the log if the artist did not cause it."""
    return JobError(error.kind, error.problem, error.cure, log_tail() if error.kind in NEED_THE_LOG else "")


def told_by_blender(error: Exception, folder: Path) -> JobError:
    """Return the job error for an exception raised while preparing or recording a job; `folder` is the job's."""
    if isinstance(error, OSError):
        error = cannot_write(Path(error.filename or folder), error)
    if isinstance(error, ArtistError):
        kind = Trouble.FOLDER if isinstance(error, FolderError) else Trouble.PREPARATION
        return JobError(kind, error.problem, error.cure, error.log if isinstance(error, RenderError) else "")
    log = "".join(traceback.format_exception(error))
    problem = f"Preparing the job failed because of a bug in ActionMesh ({type(error).__name__}: {error})."
    return JobError(Trouble.PREPARATION, problem, "Please report it with the details.", log)
