"""What the panels show of jobs and of the backend. They only read it; the runner keeps it up to date."""

import time
from dataclasses import dataclass, field, fields

from .backend_files import protocol
from .jobs import events
from .jobs.record import JobRecord
from .looks import Look
from .problems import Problem
from .viewport import redraw_panels, redraw_status_bar


@dataclass
class Shown:
    """The state of this Blender.

    Args:
        worker: what the backend does.
        machine: what it said of itself, as long as it runs.
        records: the jobs that run or wait, in their order.
        progress: the latest of each, by id.
        problem: the latest, until it is dismissed.
        ended: the job that ended last, until that is dismissed or another is begun.
        ended_at: when it did, by `time.monotonic`.
        look: the latest look at a clip.
        looking: whether another is on its way.
    """

    worker: events.WorkerState = events.WorkerState.STOPPED
    machine: protocol.Initialized | None = None
    records: list[JobRecord] = field(default_factory=list)
    progress: dict[str, events.Progressed] = field(default_factory=dict)
    problem: Problem | None = None
    ended: JobRecord | None = None
    ended_at: float = 0.0
    look: Look | None = None
    looking: bool = False


state = Shown()


def show(problem: Problem | None) -> None:
    """Shows a problem in the panel; None takes it away."""
    state.problem = problem
    redraw_panels()


def show_end(record: JobRecord | None) -> None:
    """Tells how a job ended; None takes it away."""
    state.ended, state.ended_at = record, time.monotonic()
    redraw_panels()
    redraw_status_bar()


def reset() -> None:
    """As at the start."""
    fresh = Shown()
    for item in fields(Shown):
        setattr(state, item.name, getattr(fresh, item.name))
