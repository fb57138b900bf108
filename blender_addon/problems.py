"""What is shown when something went wrong: a sentence, a cure, and the button that mends it."""

from dataclasses import dataclass, field
from typing import Any

from .backend_files import protocol
from .errors import ArtistError
from .jobs.record import JobError, JobRecord, Trouble

PREFERENCES, LIGHTER = "actionmesh.open_preferences", "actionmesh.retry_lighter"
FIXES: dict[str, tuple[str, dict[str, Any]]] = {
    "object.mode_set": ("Leave Mode", {"mode": "OBJECT"}),
    "object.make_single_user": ("Make Single User", {"object": True, "obdata": True}),
    "screen.userpref_show": ("Open Preferences", {"section": "SYSTEM"}),
    "actionmesh.apply_to_copy": ("Apply Modifiers to a Copy", {}),
    "object.duplicates_make_real": ("Make Instances Real", {}),
    "object.make_local": ("Make Local", {"type": "SELECT_OBDATA"}),
}
"""What a button of Blender's own is called here, and what it is told."""


@dataclass(frozen=True)
class Problem:
    """Shown in the panel until it is dismissed or something new is begun.

    Args:
        problem, cure: one sentence each; the cure may be empty.
        fix: idname of an operator that mends it, or None.
        label: of its button; empty takes the operator's own.
        arguments: what the operator is told.
        finished: id of a job whose result could not be written, and can be brought back.
    """

    problem: str
    cure: str = ""
    fix: str | None = None
    label: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    finished: str = ""

    @classmethod
    def of(cls, error: ArtistError, job: JobRecord | None = None) -> "Problem":
        """An error that an artist can put right; with `job`, one that befell the writing of its result."""
        label, arguments = FIXES.get(error.fix or "", ("", {}))
        problem = f"{job.title}: {error.problem}" if job else error.problem
        return cls(problem, error.cure, error.fix, label, arguments, job.id if job else "")

    @classmethod
    def of_job(cls, job: JobRecord) -> "Problem":
        """Why a job failed."""
        error = job.error or JobError("", "The job failed.")
        fix = fix_of(error)
        arguments = {"job": job.id} if fix == LIGHTER else {}
        return cls(f"{job.title}: {error.problem}", error.cure, fix, arguments=arguments)


class AlreadyShown(ArtistError):
    """The error of a job that was waited for; the panel has told of it when it happened."""


def fix_of(error: JobError) -> str | None:
    """The operator that mends a job's error."""
    return {
        protocol.Kind.OUT_OF_MEMORY: LIGHTER,
        Trouble.BACKEND_MISSING: PREFERENCES,
        protocol.Kind.BAD_INSTALL: PREFERENCES,
    }.get(
        error.kind  # type: ignore[call-overload]
    )
