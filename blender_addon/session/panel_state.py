"""The state of jobs and of the backend that the panels show. Panels only read it; the runner keeps it up to date."""

import time
from dataclasses import dataclass, field

from ..jobs import events
from ..jobs.record import JobError, JobRecord
from ..process.backend_locator import protocol
from .notices import Problem, fix_of
from .subject_strip import Strips
from .thumbnail import Look
from .windows import redraw_panels, redraw_status_bar


@dataclass(frozen=True)
class Tracking:
    """A subject that is being tracked; without a notice, it has not begun."""

    notice: protocol.ProgressNotice | None = None


@dataclass
class PanelState:
    """The state of this Blender.

    Args:
        worker: the state of the backend.
        machine: what the backend reported about itself, while it runs.
        host: the other computer that it works on, while it runs; empty if it works here.
        records: the running and waiting jobs, in order.
        progress: the latest progress of each job, by id.
        problem: the latest problem, until it is dismissed.
        ended: the job that ended last, until it is dismissed or another job starts.
        ended_at: when it ended, by `time.monotonic`.
        look: the latest look at a clip.
        looking: whether another is on its way.
        tracking: how far a subject is tracked through the clip; None if none is.
        strips: the subjects that were tracked, the last one first.
    """

    worker: events.WorkerState = events.WorkerState.STOPPED
    machine: protocol.Initialized | None = None
    host: str = ""
    records: list[JobRecord] = field(default_factory=list)
    progress: dict[str, events.Progressed] = field(default_factory=dict)
    problem: Problem | None = None
    ended: JobRecord | None = None
    ended_at: float = 0.0
    look: Look | None = None
    looking: bool = False
    tracking: Tracking | None = None
    strips: Strips = ()


state = PanelState()


def show(problem: Problem | None) -> None:
    """Show a problem in the panel; None removes it."""
    state.problem = problem
    redraw_panels()


def show_failure(error: JobError) -> None:
    """Show why a look at a clip failed."""
    show(Problem(error.problem, error.cure, fix_of(error)))


def show_end(record: JobRecord | None) -> None:
    """Show how a job ended; None removes it."""
    state.ended, state.ended_at = record, time.monotonic()
    redraw_panels()
    redraw_status_bar()


def reset() -> None:
    """Return to the initial state."""
    vars(state).update(vars(PanelState()))
