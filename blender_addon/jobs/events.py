"""What the queue tells: about jobs, about the backend, and about looks at a clip."""

from dataclasses import dataclass
from enum import StrEnum

from ..backend_files import protocol
from .record import JobError, JobRecord


class WorkerState(StrEnum):
    NOT_FOUND = "not found"
    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    BUSY = "busy"


@dataclass(frozen=True)
class Started:
    """A job came to the front of the queue."""

    record: JobRecord


@dataclass(frozen=True)
class Progressed:
    """How far a job is.

    Args:
        stage: in words.
        step, total: of the stage.
        stage_seconds_left: of the stage; None while unknown.
        overall: share of the whole job, from 0 to 1, that never shrinks.
        seconds_left: of the whole job; None while unknown.
    """

    record: JobRecord
    stage: str
    step: int
    total: int
    stage_seconds_left: float | None
    overall: float
    seconds_left: float | None


@dataclass(frozen=True)
class Finished:
    record: JobRecord


@dataclass(frozen=True)
class Failed:
    """`record.error` says why."""

    record: JobRecord


@dataclass(frozen=True)
class Cancelled:
    record: JobRecord


@dataclass(frozen=True)
class BackendChanged:
    """The backend's state; `error` says why where something is wrong."""

    state: WorkerState
    error: JobError | None = None


@dataclass(frozen=True)
class Warned:
    """The backend's log says something that an artist should know."""

    level: protocol.LogLevel
    message: str


@dataclass(frozen=True)
class Looked:
    """The look with this ticket was done."""

    ticket: int
    value: protocol.Looked


@dataclass(frozen=True)
class LookFailed:
    ticket: int
    error: JobError


Event = Started | Progressed | Finished | Failed | Cancelled | BackendChanged | Warned | Looked | LookFailed
END_OF_JOB = (Finished, Failed, Cancelled)
