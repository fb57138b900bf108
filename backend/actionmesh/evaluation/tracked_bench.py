"""A checkpoint on characters that artists made, whose motion tracked files hold; in Toybench's two tasks.

    mesh + video    the true mesh of frame 0 and the clip -> where its vertices are. Measured where it is: no alignment.
    video           the clip alone -> a mesh that moves. Measured under Toybench's alignment.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ..errors import InputError
from ..weights.store import ModelStore
from .kept_records import KeptRecords, digest_of_weights
from .matches import as_animated, match_rows
from .toybench import measured, shape_distances
from .tracked_subjects import Cast, Character, TrackedSubject
from .tracked_summary import NETWORK, SHAPE, grouped, summary_of
from .variants import MESH_AND_VIDEO, OTHER, STILL, VIDEO, Task, Variant, seeing, still

CHAMFERS = 3
"""Frames at which Chamfer distances are taken, spread evenly from the first to the last."""
KEY = ("file", "track", "task", "row")

Look = Callable[[], TrackedSubject]
"""A character, looked at when that is needed."""


def rows_of(task: Task, other: Look) -> dict[str, Variant]:
    """The rows of a task by name: a new way of answering it belongs here. `other` is who lends another clip."""
    rows: dict[str, Variant] = {NETWORK: as_animated, STILL: still}
    if task.given_mesh:
        rows |= match_rows()
        rows[OTHER] = partial(seeing, other=other)
    return rows


def evaluate(store: ModelStore, preset_name: str, cast: Cast, output: Path, again: Sequence[str] = ()) -> dict:
    """Measures every character; results go to `output` (.json) as they are made, and to the caller.

    Args:
        again: rows that are measured again.
    Raises:
        InputError: there are fewer than two characters, no such rows, or `output` holds something else.
        OutputError: the results cannot be written.
    """
    if len(cast) < 2:
        raise InputError("One character alone cannot be compared with another.", "Take at least 2.")
    run = {"preset": preset_name, "weights": digest_of_weights(store.checkpoint.path)}
    kept = KeptRecords(output, run, KEY, "tracked files")
    looked_at = cache(lambda index: cast.subject(index, store, preset_name))
    kept.forget_rows(again, [row for task in (MESH_AND_VIDEO, VIDEO) for row in rows_of(task, partial(looked_at, 0))])
    for index in tqdm(range(len(cast)), "characters", disable=None):
        character, other = cast.character(index), (index + len(cast) // 2) % len(cast)
        measure(character, partial(looked_at, index), partial(looked_at, other), kept)
        kept.write(results_of(store, cast, kept.records))
    kept.forget(lambda record: True)
    return kept.write(results_of(store, cast, kept.records))


def measure(character: Character, subject: Look, other: Look, kept: KeptRecords) -> None:
    """Measures one character where earlier records are not still right.

    Args:
        other: half the cast away, for neighbours are often alike.
    """
    told = {"body_plan": character.body_plan, "split": character.split}
    for task, row, answer in answers(subject, other):
        key = {"file": character.name, "track": character.digest, "task": task, "row": row}
        kept.keep(key, answer, **told)
    kept.forget(lambda record: record["file"] == character.name)


def answers(subject: Look, other: Look) -> Iterator[tuple[str, str, Callable[[], dict]]]:
    """Task and row of everything that is measured, and what measures it."""
    yield SHAPE, NETWORK, lambda: shape_distances(subject(), other())
    for task in (MESH_AND_VIDEO, VIDEO):
        for row, variant in rows_of(task, other).items():
            yield task.name, row, partial(measure_row, subject, task, variant)


def measure_row(look: Look, task: Task, variant: Variant) -> dict:
    """Distances of one answer."""
    subject = look()
    frames = np.unique(np.linspace(0, len(subject.toy.vertices) - 1, CHAMFERS).round().astype(int)).tolist()
    return measured(variant(subject, task), subject, task, tuple(frames))


def results_of(store: ModelStore, cast: Cast, records: list[dict]) -> dict:
    """Summaries of what is measured: all, by body plan, by split, by file."""
    return {
        "checkpoint": store.checkpoint.name,
        "passed_over": cast.passed_over,
        "summary": summary_of(records),
        "splits": grouped(records, "split"),
        "body_plans": grouped(records, "body_plan"),
        "files": grouped(records, "file"),
    }
