"""Progress and cancellation of long work."""

import time
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import TypeVar

from .errors import Cancelled

Item = TypeVar("Item")


@dataclass(frozen=True)
class ProgressEvent:
    """A moment of a job: `step` of `total` steps of `stage` are done.

    `seconds_left` is for this stage; None at its start.
    """

    stage: str
    step: int
    total: int
    seconds_left: float | None


class Progress:
    """Reports the steps of a job, and raises `Cancelled` at the first step after the user asked to stop.

    Args:
        report: called with a ProgressEvent at the start of a stage and after each of its steps.
        cancelled: called before and after every step; returning true stops the job.
    """

    def __init__(
        self,
        report: Callable[[ProgressEvent], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ):
        self._report = report or (lambda event: None)
        self._cancelled = cancelled or (lambda: False)

    def check(self) -> None:
        """Raise Cancelled if the user asked to stop."""
        if self._cancelled():
            raise Cancelled()

    def also_checking(self, check: Callable[[], None]) -> "Progress":
        """Return the same job's progress, whose steps also raise what `check` raises."""

        def cancelled() -> bool:
            check()
            return self._cancelled()

        return Progress(self._report, cancelled)

    def start(self, stage: str, total: int) -> Callable[[], None]:
        """Report that `stage` begins; return a function to call after each of its `total` steps."""
        begin, done = time.monotonic(), 0
        self.check()
        self._report(ProgressEvent(stage, 0, total, None))

        def advance() -> None:
            nonlocal done
            done += 1
            self.check()
            seconds_left = (time.monotonic() - begin) / done * (total - done)
            self._report(ProgressEvent(stage, done, total, seconds_left))

        return advance

    def track(self, items: Iterable[Item], stage: str, total: int | None = None) -> Iterator[Item]:
        """Iterate over `items`, reporting each as one step of `stage`; `total` is needed only for unsized iterables."""
        if total is None:
            assert isinstance(items, Sized)
            total = len(items)
        advance = self.start(stage, total)
        for item in items:
            yield item
            advance()

    def measure(self, stage: str, total: int, done: int = 0) -> Callable[[int], None]:
        """Report that `stage` begins with `done` of its `total` units.

        Returns: a function that takes how many more units are done; negative if fewer are.
        """
        begin, began = time.monotonic(), done
        self.check()
        self._report(ProgressEvent(stage, done, total, None))

        def advance(count: int) -> None:
            nonlocal done
            done += count
            self.check()
            gained = done - began
            seconds_left = (time.monotonic() - begin) / gained * (total - done) if gained > 0 else None
            self._report(ProgressEvent(stage, done, total, seconds_left))

        return advance
