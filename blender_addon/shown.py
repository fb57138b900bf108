"""What the panels show of jobs and of the backend. They only read it; the runner keeps it up to date."""

from dataclasses import dataclass, field, fields

from .backend_files import protocol
from .jobs import events
from .jobs.record import JobRecord
from .looks import Look
from .problems import Problem
from .viewport import redraw_panels


@dataclass
class Shown:
    """The state of this Blender.

    Args:
        worker: what the backend does.
        machine: what it said of itself, as long as it runs.
        records: the jobs that run or wait, in their order.
        progress: the latest of each, by id.
        problem: the latest, until it is dismissed.
        look: the latest look at a clip.
        looking: whether another is on its way.
    """

    worker: events.WorkerState = events.WorkerState.STOPPED
    machine: protocol.Initialized | None = None
    records: list[JobRecord] = field(default_factory=list)
    progress: dict[str, events.Progressed] = field(default_factory=dict)
    problem: Problem | None = None
    look: Look | None = None
    looking: bool = False


state = Shown()


def show(problem: Problem | None) -> None:
    """Shows a problem in the panel; None takes it away."""
    state.problem = problem
    redraw_panels()


def reset() -> None:
    """As at the start."""
    fresh = Shown()
    for item in fields(Shown):
        setattr(state, item.name, getattr(fresh, item.name))
