"""What became of each job of a batch, as `batch.json` and as a table, `batch.csv`."""

import csv
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

from .. import __version__
from ..errors import ActionMeshError
from ..files.atomic import write_atomically
from .course import Course

NAME, TABLE = "batch.json", "batch.csv"
EVERY = 10.0
"""Seconds between two reports while the batch runs: a report names all jobs, of which there may be many."""
log = logging.getLogger(__name__)


def write_report(folder: Path, courses: list[Course]) -> None:
    """Write both files, each completely or not at all.

    Raises:
        OutputError: the folder is not writable, or the disk is full.
    """
    facts = [course.facts() for course in courses]
    text = json.dumps({"actionmesh": __version__, "jobs": facts}, indent=1, ensure_ascii=False)
    write_atomically(folder / NAME, lambda part: part.write_text(text + "\n", encoding="utf-8", errors="replace"))
    write_atomically(folder / TABLE, lambda part: _write_table(part, facts))


class Occasionally:
    """Writes a report when called, but not often; a report that cannot be written now does not stop the batch."""

    def __init__(self, write: Callable[[], object], clock: Callable[[], float] = time.monotonic):
        self._write, self._clock = write, clock
        self._next = clock()

    def __call__(self) -> None:
        if self._clock() < self._next:
            return
        self._next = self._clock() + EVERY
        try:
            self._write()
        except ActionMeshError as error:
            log.warning("%s", error)


def _write_table(path: Path, facts: list[dict]) -> None:
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(facts[0]))
        writer.writeheader()
        for each in facts:
            joined = {name: ";".join(value) for name, value in each.items() if isinstance(value, list)}
            writer.writerow(each | joined)
