"""The workers of a batch as seen from the driver: handles of Ray's actors, what each does, and which were lost."""

import json
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil

from .. import frame_numbers
from ..protocol import Animate, Notice, ProgressNotice, Request, decode, encode
from .actor import Worker
from .shape import Shape

END_PATIENCE = 10.0
"""Seconds for killed workers to be gone."""


@dataclass(eq=False)
class Hand:
    """One worker; `job` is the index of what it does, or None.

    Args:
        actor: Ray's handle.
        placing: the answer that says where it is, until it has come.
        starting: the answer of its start, until it has come.
        host, process: where it is, once that is known.
    """

    actor: Any
    placing: Any
    starting: Any
    host: str = ""
    process: int = 0
    job: int | None = None
    working: Any = None
    asking: Any = None
    latest: ProgressNotice | None = None

    @property
    def place(self) -> str:
        return f"{self.host}, process {self.process}"

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
        hand.latest = None

    def wait(self, seconds: float) -> None:
        """Wait until something comes from a worker, at most `seconds`; ask those that work for their progress."""
        for hand in self.hands:
            if hand.job is not None and hand.asking is None:
                hand.asking = hand.actor.progress.remote()
        results = [result for hand in self.hands if (result := hand.placing or hand.starting or hand.working)]
        if results:
            self._ray.wait(results, num_returns=1, timeout=seconds)

    def hear(self, lost: Callable[[Hand, str], bool], done: Callable[[Hand, str], None]) -> None:
        """Take what has come from the workers.

        Args:
            lost: called with a worker that died, and Ray's reason; returns whether another takes its place.
            done: called with a worker and the answer to its job; it is free then.
        """
        for hand in list(self.hands):
            try:
                self._hear(hand, done)
            except self._ray.exceptions.RayError as error:
                self._kill(hand)
                self.hands.remove(hand)
                if lost(hand, str(error)):
                    self.hands.append(self._hire())

    def stop(self) -> None:
        """Ask all jobs to stop after their step; ask again, because a job that just begins forgets it."""
        for hand in self.hands:
            if hand.job is not None:
                hand.actor.stop.remote()

    def end(self) -> None:
        """End all workers, and wait until those on this machine are gone."""
        for hand in self.hands:
            self._kill(hand)
        here = [hand.process for hand in self.hands if hand.host == socket.gethostname()]
        left = [process for process in psutil.process_iter() if process.pid in here]
        psutil.wait_procs(left, timeout=END_PATIENCE)
        self.hands.clear()

    def _kill(self, hand: Hand) -> None:
        with suppress(Exception):
            self._ray.kill(hand.actor)

    def _hear(self, hand: Hand, done: Callable[[Hand, str], None]) -> None:
        if (facts := self._come(hand.placing)) is not None:
            told = json.loads(facts)
            hand.placing, hand.host, hand.process = None, told["host"], told["process"]
        if hand.placing is None and self._come(hand.starting) is not None:
            hand.starting = None
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
        return Hand(actor, actor.here.remote(), actor.ready.remote(frame_numbers.number_of(0)))
