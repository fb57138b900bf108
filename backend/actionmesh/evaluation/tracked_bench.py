"""Measure a checkpoint on artists' characters, whose motion is known from tracked files.

The tasks are those of Toybench:

    mesh + video    from the true mesh of frame 0 and the clip to the vertices over time. Measured without alignment.
    video           from the clip alone to a moving mesh. Measured under Toybench's alignment.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
from torch import Tensor
from tqdm import tqdm

from ..errors import InputError
from ..geometry.winding import winding_numbers
from ..memory.model import Model
from .kept_records import KeptRecords, digest_of_weights
from .matches import as_animated, match_rows
from .toybench import measured, reconstruction_iou, shape_distances
from .tracked_subjects import Cast, Character, TrackedSubject
from .tracked_summary import NETWORK, SHAPE, grouped, summary_of
from .variants import MESH_AND_VIDEO, OTHER, STILL, VIDEO, Task, Variant, seeing, still

CHAMFERS = 3
"""Number of frames for Chamfer distances, spread evenly from the first to the last."""
KEY = ("file", "track", "task", "row")

Look = Callable[[], TrackedSubject]
"""Makes a character's subject when needed."""


def rows_of(task: Task, other: Look) -> dict[str, Variant]:
    """Return the rows of a task by name; add a new way of doing a task here. `other` gives another clip."""
    rows: dict[str, Variant] = {NETWORK: as_animated, STILL: still}
    if task.given_mesh:
        rows |= match_rows()
        rows[OTHER] = partial(seeing, other=other)
    return rows


def evaluate(model: Model, preset_name: str, cast: Cast, output: Path, again: Sequence[str] = ()) -> dict:
    """Measure every character and return the results, which go to `output` (.json) as they are made.

    Args:
        again: rows to measure again.
    Raises:
        InputError: there are fewer than two characters, no such rows, or `output` holds something else.
        OutputError: the results cannot be written.
    """
    if len(cast) < 2:
        raise InputError("The benchmark compares characters, and the folder has only one.", "Use at least 2.")
    run = {"preset": preset_name, "weights": digest_of_weights(model.facts.checkpoint.path)}
    kept = KeptRecords(output, run, KEY, "tracked files")
    looked_at = cache(lambda index: cast.subject(index, model, preset_name))
    kept.forget_rows(again, [row for task in (MESH_AND_VIDEO, VIDEO) for row in rows_of(task, partial(looked_at, 0))])
    for index in tqdm(range(len(cast)), "characters", disable=None):
        character, other = cast.character(index), (index + len(cast) // 2) % len(cast)
        measure(character, partial(looked_at, index), partial(looked_at, other), kept)
        kept.write(results_of(model, cast, kept.records))
    kept.forget(lambda record: True)
    return kept.write(results_of(model, cast, kept.records))


def measure(character: Character, subject: Look, other: Look, kept: KeptRecords) -> None:
    """Measure one character, except where earlier records are still valid.

    Args:
        other: the character half the cast away, because neighbours are often alike.
    """
    told = {"body_plan": character.body_plan, "split": character.split}
    for task, row, answer in answers(subject, other):
        key = {"file": character.name, "track": character.digest, "task": task, "row": row}
        kept.keep(key, answer, **told)
    kept.forget(lambda record: record["file"] == character.name)


def answers(subject: Look, other: Look) -> Iterator[tuple[str, str, Callable[[], dict]]]:
    """Yield the task and row of everything measured, with the function that measures it."""
    yield SHAPE, NETWORK, lambda: {**shape_distances(subject(), other()), "iou": iou_with_character(subject())}
    for task in (MESH_AND_VIDEO, VIDEO):
        for row, variant in rows_of(task, other).items():
            yield task.name, row, partial(measure_row, subject, task, variant)


def iou_with_character(subject: TrackedSubject) -> float:
    """Return the shape VAE's volume IoU with a character; gaps in its surface are closed by winding numbers."""

    def is_inside(points: Tensor) -> np.ndarray:
        return np.abs(winding_numbers(subject.toy.vertices[0], subject.toy.faces, points.numpy())) > 0.5

    return reconstruction_iou(subject, is_inside)


def measure_row(look: Look, task: Task, variant: Variant) -> dict:
    """Measure the distances of one answer."""
    subject = look()
    frames = np.unique(np.linspace(0, len(subject.toy.vertices) - 1, CHAMFERS).round().astype(int)).tolist()
    return measured(variant(subject, task), subject, task, tuple(frames))


def results_of(model: Model, cast: Cast, records: list[dict]) -> dict:
    """Return summaries of the records: all, by split, by body plan, by file."""
    return {
        "checkpoint": model.facts.checkpoint.name,
        "passed_over": cast.passed_over,
        "summary": summary_of(records),
        "splits": grouped(records, "split"),
        "body_plans": grouped(records, "body_plan"),
        "files": grouped(records, "file"),
    }
