"""How each job of a batch stands, from waiting to its end."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ..protocol import ProgressNotice
from .plan import Planned


class State(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    KEPT = "done before"
    FAILED = "failed"
    CANCELLED = "not done"

    @property
    def is_end(self) -> bool:
        return self not in (State.WAITING, State.RUNNING)


@dataclass
class Course:
    """How one job stands.

    Args:
        planned: the job.
        key: its key in the ledger.
        deaths: workers that died while they did it.
        seconds: how long its last try took.
        worker: the machine and process of its last try.
        error: why it failed, in one sentence and a cure.
        notes: what the result says of itself.
    """

    planned: Planned
    key: str
    state: State = State.WAITING
    deaths: int = 0
    seconds: float = 0.0
    worker: str = ""
    error: str = ""
    notes: list[str] = field(default_factory=list)
    latest: ProgressNotice | None = None
    began: float = 0.0

    def begin(self, worker: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.state, self.worker, self.latest, self.began = State.RUNNING, worker, None, clock()

    def end(self, state: State, error: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = clock() - self.began if self.began else 0.0
        self.state, self.error, self.latest = state, error, None

    def facts(self) -> dict[str, Any]:
        """Return what a report says of the job, as plain JSON."""
        job = self.planned.job
        return {
            "place": self.planned.place,
            "clip": job.clip,
            "mesh": job.mesh or "",
            "outputs": list(job.out),
            "state": str(self.state),
            "error": self.error,
            "notes": self.notes,
            "seconds": round(self.seconds, 2),
            "worker": self.worker,
            "workers lost": self.deaths,
        }
