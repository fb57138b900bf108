"""Log a training: mean losses over some steps, in a CSV file, on the screen and to a callback."""

import csv
from collections.abc import Callable
from pathlib import Path

Means = dict[str, float]


class TrainingLog:
    """A log that sums the losses of steps and writes their means.

    Args:
        path: the CSV file; rows are appended.
        name: name of the part, for the screen.
        readable: turns the means into the values to write.
        also: called with the step and the values written.
        every: steps per row.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        readable: Callable[[Means], Means] = dict,
        also: Callable[[int, Means], object] | None = None,
        every: int = 50,
    ):
        self.path, self.name, self.readable, self.also, self.every = path, name, readable, also, every
        self._sums: Means = {}
        self._count = 0

    def add(self, losses: Means, step: int, seconds: float, last: bool) -> None:
        """Add one step's losses; write a row every `every` steps and at the last."""
        self._sums = {key: self._sums.get(key, 0.0) + value for key, value in losses.items()}
        self._count += 1
        if self._count < self.every and not last:
            return
        means = self.readable({key: value / self._count for key, value in self._sums.items()})
        self._sums, self._count = {}, 0
        self._write(
            {"step": step, "minutes": round(seconds / 60, 2)} | {key: round(value, 5) for key, value in means.items()}
        )
        if self.also:
            self.also(step, means)

    def _write(self, row: dict[str, float]) -> None:
        new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, row.keys())
            if new:
                writer.writeheader()
            writer.writerow(row)
        print(self.name, row, flush=True)
