"""The events of the queue: about jobs, the backend, and looks at a clip."""

from dataclasses import dataclass
from enum import StrEnum

from ..process.backend_locator import protocol
from .record import JobError, JobRecord


class WorkerState(StrEnum):
    NOT_FOUND = "not found"
    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    BUSY = "busy"


@dataclass(frozen=True)
class OfJob:
    """Something happened to a job."""

    record: JobRecord


class Started(OfJob):
    """A job came to the front of the queue."""


@dataclass(frozen=True)
class Progressed(OfJob):
    """How far a job is.

    Args:
        notice: the step of a stage, of the backend's or of Blender's preparation.
        overall: share of the whole job that is done, from 0 to 1; it never shrinks.
        seconds_left: for the whole job; None while unknown.
    """

    notice: protocol.ProgressNotice
    overall: float
    seconds_left: float | None


class Finished(OfJob):
    """Its result exists."""


class Failed(OfJob):
    """`record.error` says why."""


class Cancelled(OfJob):
    """It was cancelled, while it waited or ran."""


@dataclass(frozen=True)
class BackendChanged:
    """The backend's state changed; `error` says what is wrong, if anything is."""

    state: WorkerState
    error: JobError | None = None


@dataclass(frozen=True)
class Warned:
    """The backend logged a message that the artist should see."""

    level: protocol.LogLevel
    message: str


@dataclass(frozen=True)
class Looked:
    """The look or track with this ticket is done."""

    ticket: int
    value: protocol.Looked | protocol.Tracked


@dataclass(frozen=True)
class LookProgressed:
    """How far the look or track with this ticket is."""

    ticket: int
    notice: protocol.ProgressNotice


@dataclass(frozen=True)
class LookFailed:
    ticket: int
    error: JobError


OfLook = Looked | LookProgressed | LookFailed
Event = Started | Progressed | Finished | Failed | Cancelled | BackendChanged | Warned | OfLook
END_OF_JOB = (Finished, Failed, Cancelled)
