"""Progress and cancellation of long work."""

import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from .errors import Cancelled
from .protocol import Stage

Item = TypeVar("Item")


@dataclass(frozen=True)
class ProgressEvent:
    """A moment of a job; see `protocol.ProgressNotice` for the fields."""

    stage: Stage
    step: int
    total: int
    seconds_left: float | None
    part: int = 1
    parts: int = 1
    item: str = ""


class Progress:
    """Reports the steps of a job, and raises `Cancelled` at the first step after the user asked to stop.

    Args:
        report: called with a ProgressEvent at the start of a stage and after each of its steps.
        cancelled: called before and after every step; returning true stops the job.
        part, parts: which part of its stage the work is.
    """

    def __init__(
        self,
        report: Callable[[ProgressEvent], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
        part: int = 1,
        parts: int = 1,
    ):
        self._report = report or (lambda event: None)
        self._cancelled = cancelled or (lambda: False)
        self._part, self._parts = part, parts

    def check(self) -> None:
        """Raise Cancelled if the user asked to stop."""
        if self._cancelled():
            raise Cancelled()

    def also_checking(self, check: Callable[[], None]) -> "Progress":
        """Return the same job's progress, whose steps also raise what `check` raises."""

        def cancelled() -> bool:
            check()
            return self._cancelled()

        return Progress(self._report, cancelled, self._part, self._parts)

    def of_part(self, part: int, parts: int) -> "Progress":
        """Return the same job's progress, for one of the parts of a stage, counted from 1."""
        return Progress(self._report, self._cancelled, part, parts)

    def start(self, stage: Stage, total: int, item: str = "") -> Callable[[], None]:
        """Report that `stage` begins; return a function to call after each of its `total` steps."""
        advance = self.measure(stage, total, item=item)
        return lambda: advance(1)

    @contextmanager
    def about(self, stage: Stage, total: int) -> Iterator[Callable[[], None]]:
        """Yield a `check` that advances `stage`, for work that calls it about `total` times; then fill the bar."""
        advance, done = self.start(stage, total), 0

        def check() -> None:
            nonlocal done
            self.check()
            done += 1
            if done < total:
                advance()

        yield check
        for _ in range(max(1, total - done)):
            advance()

    def track(self, items: Iterable[Item], stage: Stage, total: int | None = None) -> Iterator[Item]:
        """Iterate over `items`, reporting each as one step of `stage`; `total` is needed only for unsized iterables."""
        if total is None:
            assert isinstance(items, Sized)
            total = len(items)
        advance = self.start(stage, total)
        for item in items:
            yield item
            advance()

    def measure(self, stage: Stage, total: int, done: int = 0, item: str = "") -> Callable[[int], None]:
        """Report that `stage` begins with `done` of its `total` units.

        Returns: a function that takes how many more units are done; negative if fewer are.
        """
        begin, began = time.monotonic(), done
        self.check()
        self._report(ProgressEvent(stage, done, total, None, self._part, self._parts, item))

        def advance(count: int) -> None:
            nonlocal done
            done += count
            self.check()
            gained = done - began
            seconds_left = (time.monotonic() - begin) / gained * (total - done) if gained > 0 else None
            self._report(ProgressEvent(stage, done, total, seconds_left, self._part, self._parts, item))

        return advance
