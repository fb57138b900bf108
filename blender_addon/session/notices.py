"""What the panel shows when something goes wrong: the problem, the cure, and the button that fixes it."""

from dataclasses import dataclass, field
from typing import Any

from ..errors import ArtistError
from ..jobs.record import JobError, JobRecord, Trouble
from ..process.backend_locator import protocol

PREFERENCES, LIGHTER = "actionmesh.open_preferences", "actionmesh.retry_lighter"
MISFIT = "actionmesh.show_misfit"
FIXES: dict[str, tuple[str, dict[str, Any]]] = {
    "object.mode_set": ("Leave Mode", {"mode": "OBJECT"}),
    "object.make_single_user": ("Make Single User", {"object": True, "obdata": True}),
    "screen.userpref_show": ("Open Preferences", {"section": "SYSTEM"}),
    "actionmesh.apply_to_copy": ("Apply Modifiers to a Copy", {}),
    "actionmesh.apply_root_motion": ("Apply Root Motion", {}),
    "object.duplicates_make_real": ("Make Instances Real", {}),
    "object.make_local": ("Make Local", {"type": "SELECT_OBDATA"}),
}
"""Operators that fix a problem, with the label of their button and their arguments."""


def bug() -> ArtistError:
    """Return the error that stands for an exception that nobody expected."""
    return ArtistError("ActionMesh ran into a bug. The system console has the details.", "Please report it.")


@dataclass(frozen=True)
class Problem:
    """A problem, shown in the panel until it is dismissed or something new starts.

    Args:
        problem, cure: one sentence each; the cure may be empty.
        fix: idname of an operator that fixes or shows it, or None.
        label: of its button; if empty, the operator's own label.
        arguments: of the operator.
        finished: id of a job whose result could not be written but can be brought back.
    """

    problem: str
    cure: str = ""
    fix: str | None = None
    label: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    finished: str = ""

    @classmethod
    def of(cls, error: ArtistError, job: JobRecord | None = None) -> "Problem":
        """Return the problem for an error; with `job`, for an error raised while writing that job's result."""
        label, arguments = FIXES.get(error.fix or "", ("", {}))
        problem = f"{job.title}: {error.problem}" if job else error.problem
        return cls(problem, error.cure, error.fix, label, arguments, job.id if job else "")

    @classmethod
    def of_job(cls, job: JobRecord) -> "Problem":
        """Return the problem for a failed job."""
        error = job.error or JobError("", "The job failed.")
        fix = fix_of(error) or (MISFIT if job.misfit_path else None)
        arguments = {"job": job.id} if fix in (LIGHTER, MISFIT) else {}
        return cls(f"{job.title}: {error.problem}", error.cure, fix, arguments=arguments)


class AlreadyShown(ArtistError):
    """The error of a job that was waited for, which the panel already shows."""


def fix_of(error: JobError) -> str | None:
    """Return the operator that fixes a job's error, or None."""
    in_preferences = (Trouble.BACKEND_MISSING, protocol.Kind.BAD_INSTALL, protocol.Kind.CANNOT_REACH)
    if error.kind in in_preferences:
        return PREFERENCES
    return LIGHTER if error.kind == protocol.Kind.OUT_OF_MEMORY else None
