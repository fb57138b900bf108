"""The progress of a batch: a table on a terminal, plain lines anywhere else."""

import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TextIO

from ..progress import ProgressEvent
from ..protocol import ProgressNotice
from ..stage_words import in_words
from .course import Course, State

ROOM = 6
"""Lines of the terminal that the table leaves free."""
ORDER = (State.RUNNING, State.FAILED, State.WAITING, State.CANCELLED, State.DONE, State.KEPT)
"""Which jobs are shown first if the terminal has no room for all."""
COLOURS = {State.FAILED: "red", State.DONE: "green", State.RUNNING: "bold"}


class Board(AbstractContextManager):
    """Shows how the jobs stand; use it as a context.

    Args:
        courses: the jobs.
        stream: where to; a table if it is a terminal.
        clock: returns the time in seconds.
    """

    def __init__(self, courses: list[Course], stream: TextIO, clock: Callable[[], float] = time.monotonic):
        from rich.console import Console
        from rich.live import Live

        self._courses, self._clock = courses, clock
        self._console = Console(file=stream, highlight=False, soft_wrap=not stream.isatty())
        self._live = (
            Live(console=self._console, auto_refresh=False, redirect_stdout=False)
            if self._console.is_terminal
            else None
        )
        self._stages: dict[int, str] = {}

    def __enter__(self) -> "Board":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live is not None:
            self.show(None)
            self._live.stop()

    def show(self, course: Course | None) -> None:
        """Show a job's new state, or with None what progress all have made."""
        if self._live is not None:
            self._live.update(self._table(), refresh=True)
        elif course is not None:
            self._print(course, str(course.state) + (f": {course.error}" if course.error else ""))
        else:
            for index, each in enumerate(self._courses):
                stage = _stage(each.latest) if each.state is State.RUNNING and each.latest else ""
                if stage and self._stages.get(index) != stage:
                    self._stages[index] = stage
                    self._print(each, stage)

    def _print(self, course: Course, words: str) -> None:
        self._console.print(f"{course.planned.title}: {words}", markup=False)

    def _table(self) -> Any:
        from rich.table import Table
        from rich.text import Text

        ended = sum(course.state.is_end for course in self._courses)
        table = Table(title=f"{ended} of {len(self._courses)} jobs", title_justify="left", expand=True, box=None)
        for name, options in (("job", {"ratio": 2}), ("stage", {"ratio": 3}), ("%", {}), ("time left", {})):
            table.add_column(name, overflow="ellipsis", justify="left" if options else "right", **options)  # type: ignore[arg-type]
        shown = sorted(self._courses, key=lambda course: ORDER.index(course.state))
        room = max(1, self._console.height - ROOM)
        for course in shown[:room]:
            style = COLOURS.get(course.state, "")
            table.add_row(*(Text(cell, no_wrap=not course.error) for cell in self._cells(course)), style=style)
        if len(shown) > room:
            table.add_row(f"... and {len(shown) - room} more")
        return table

    def _cells(self, course: Course) -> tuple[str, str, str, str]:
        """Return the job, what it does, how much of that stage is done, and about how long the job still takes."""
        title, latest = course.planned.title, course.latest
        if course.state is not State.RUNNING:
            words = course.error or str(course.state)
            took = f"took {in_minutes(course.seconds)}" if course.state is State.DONE else ""
            return title, words, "", took
        if latest is None:
            return title, "starting", "", ""
        share = f"{100 * latest.step / max(latest.total, 1):.0f}"
        left = self._seconds_left(course, latest)
        return title, _stage(latest), share, "" if left is None else in_minutes(left)

    def _seconds_left(self, course: Course, latest: ProgressNotice) -> float | None:
        """Return about how long a job still takes: as the others did, or, before one has ended, its stage alone."""
        took = [each.seconds for each in self._courses if each.state is State.DONE]
        if not took:
            return latest.seconds_left
        return max(statistics.median(took) - (self._clock() - course.began), latest.seconds_left or 0.0)


def _stage(notice: ProgressNotice) -> str:
    facts = {name: value for name, value in vars(notice).items() if name != "job"}
    return in_words(ProgressEvent(**facts))


def in_minutes(seconds: float) -> str:
    """Return a duration such as "7 s", "2:05" or "1:02:05"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
