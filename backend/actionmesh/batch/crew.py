"""The workers of a batch as seen from the driver: handles of Ray's actors, what each does, and which were lost."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from .. import frame_numbers
from ..protocol import Animate, Notice, ProgressNotice, Request, decode, encode
from .actor import Worker
from .shape import Shape


@dataclass(eq=False)
class Hand:
    """One worker; `job` is the index of what it does, or None.

    Args:
        actor: Ray's handle.
        starting: the answer of its start, until it has come.
        place: its machine and process, once it has started.
    """

    actor: Any
    starting: Any
    place: str = ""
    job: int | None = None
    working: Any = None
    asking: Any = None
    latest: ProgressNotice | None = None
    stopping: bool = False

    @property
    def is_free(self) -> bool:
        return self.starting is None and self.job is None


class Crew:
    """Starts workers, gives them jobs and hears them.

    Args:
        ray: the module ray, connected.
        shape: how many workers, and what each may take.
        worker: the class of the actors.
    """

    def __init__(self, ray: Any, shape: Shape, worker: type[Worker] = Worker):
        self._ray = ray
        needs = {"num_cpus": shape.cores, "num_gpus": shape.cards, "max_restarts": 0, "max_concurrency": worker.THREADS}
        self._actor = ray.remote(worker).options(scheduling_strategy="SPREAD", **needs)
        self.hands = [self._hire() for _ in range(shape.workers)]

    def start(self, hand: Hand, index: int, job: Animate) -> None:
        """Give a free worker a job."""
        line = encode(Request(index, job)).decode()
        hand.job, hand.working = index, hand.actor.run.remote(line)
        hand.latest, hand.stopping = None, False

    def wait(self, seconds: float) -> None:
        """Wait until something comes from a worker, at most `seconds`; ask those that work for their progress."""
        for hand in self.hands:
            if hand.job is not None and hand.asking is None:
                hand.asking = hand.actor.progress.remote()
        results = [hand.starting or hand.working for hand in self.hands if hand.starting or hand.working]
        if results:
            self._ray.wait(results, num_returns=1, timeout=seconds)

    def hear(self, lost: Callable[[Hand, str], None], done: Callable[[Hand, str], None]) -> None:
        """Take what has come from the workers.

        Args:
            lost: called with a worker that died, and Ray's reason; another is started in its place.
            done: called with a worker and the answer to its job; it is free then.
        """
        for place, hand in enumerate(list(self.hands)):
            try:
                self._hear(hand, done)
            except self._ray.exceptions.RayError as error:
                self.hands[place] = self._hire()
                with suppress(Exception):
                    self._ray.kill(hand.actor)
                lost(hand, str(error))

    def stop(self) -> None:
        """Ask all jobs to stop after their step."""
        for hand in self.hands:
            if hand.job is not None and not hand.stopping:
                hand.actor.stop.remote()
                hand.stopping = True

    def _hear(self, hand: Hand, done: Callable[[Hand, str], None]) -> None:
        if (facts := self._come(hand.starting)) is not None:
            told = json.loads(facts)
            hand.starting, hand.place = None, f"{told['host']}, process {told['process']}"
        if (answer := self._come(hand.working)) is not None:
            hand.working = hand.asking = hand.latest = None
            done(hand, answer)
            hand.job = None
        if (line := self._come(hand.asking)) is not None:
            hand.asking = None
            notice = decode(line.encode()) if line else None
            if isinstance(notice, Notice) and isinstance(notice.params, ProgressNotice):
                hand.latest = notice.params

    def _come(self, answer: Any) -> Any:
        """Return an answer if it has come, otherwise None; raise RayError if its worker died."""
        if answer is None:
            return None
        ready, _ = self._ray.wait([answer], timeout=0)
        return self._ray.get(answer) if ready else None

    def _hire(self) -> Hand:
        actor = self._actor.remote()
        return Hand(actor, actor.ready.remote(frame_numbers.number_of(0)))
