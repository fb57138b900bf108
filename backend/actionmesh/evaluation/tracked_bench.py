"""A checkpoint on characters that artists made, whose motion tracked files hold; in Toybench's two tasks.

    mesh + video    the true mesh of frame 0 and the clip -> where its vertices are. Measured where it is: no alignment.
    video           the clip alone -> a mesh that moves. Measured under Toybench's alignment.

Records are kept as they are made: a run that was cut off goes on where it was, and a row that is new is measured alone.
"""

import json
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ..errors import InputError, MeshError
from ..output.atomic import write_atomically
from ..weights.store import ModelStore
from .approximations import digest_of_weights, find
from .matches import match_rows
from .toybench import measured, shape_distances
from .tracked_subjects import Cast, Character, TrackedSubject
from .tracked_summary import NETWORK, SHAPE, grouped, summary_of
from .variants import MESH_AND_VIDEO, OTHER, STILL, VIDEO, Answer, Task, Variant, animated, still

CHAMFERS = 3
"""Frames at which Chamfer distances are taken, spread evenly from the first to the last."""


def rows_of(task: Task, other: Callable[[], TrackedSubject]) -> dict[str, Variant]:
    """The rows of a task by name: a new way of answering it belongs here. `other` is who lends another clip."""
    rows: dict[str, Variant] = {NETWORK: animated, STILL: still}
    if task.given_mesh:
        rows |= match_rows()
        rows[OTHER] = partial(seeing, other=other)
    return rows


def seeing(subject: TrackedSubject, task: Task, other: Callable[[], TrackedSubject]) -> Answer:
    """The network's answer to another's clip, brought to as many frames."""
    context = other().context
    frames = np.linspace(0, len(context) - 1, len(subject.context)).round().astype(int)
    return animated(subject, task, context[frames])


def evaluate(store: ModelStore, preset_name: str, cast: Cast, output: Path) -> dict:
    """Measures every character; results go to `output` (.json) as they are made, and to the caller.

    Raises:
        InputError: there are fewer than two characters, or `output` holds something else.
        OutputError: the results cannot be written.
    """
    if len(cast) < 2:
        raise InputError("One character alone cannot be compared with another.", "Take at least 2.")
    run = {"preset": preset_name, "weights": digest_of_weights(store.checkpoint.path)}
    earlier, looked_at = read_records(output, run), cache(partial(_look, cast, store, preset_name))
    records: list[dict] = []
    for index in tqdm(range(len(cast)), "characters", disable=None):
        character, other = cast.character(index), (index + len(cast) // 2) % len(cast)
        earlier_ones = [record for record in earlier if record["file"] == character.name]
        earlier = [record for record in earlier if record["file"] != character.name]
        records += measure(character, partial(looked_at, index), partial(looked_at, other), earlier_ones)
        write_results(output, results_of(store, run, cast, records, earlier))
    results = results_of(store, run, cast, records, [])
    write_results(output, results)
    return results


def measure(
    character: Character, subject: Callable[[], TrackedSubject], other: Callable[[], TrackedSubject], earlier: list[dict]
) -> Iterator[dict]:
    """The records of one character, earlier ones where they are still right.

    Args:
        subject: the character, looked at when that is needed; other: half the cast away, for neighbours are often alike.
    """
    told = {"body_plan": character.body_plan, "split": character.split}
    for task, row, answer in answers(other):
        key = {"file": character.name, "track": character.digest, "task": task, "row": row}
        known = find(earlier, key)
        yield {**(known or {**key, **_told(answer, subject)}), **told}


def answers(other: Callable[[], TrackedSubject]) -> Iterator[tuple[str, str, Callable[[TrackedSubject], dict]]]:
    """Task and row of everything that is measured, and what measures it."""
    yield SHAPE, NETWORK, lambda subject: shape_distances(subject, other())
    for task in (MESH_AND_VIDEO, VIDEO):
        for row, variant in rows_of(task, other).items():
            yield task.name, row, partial(measure_row, task=task, variant=variant)


def measure_row(subject: TrackedSubject, task: Task, variant: Variant) -> dict:
    """Distances of one answer; where the mesh is the true one also the error as the camera sees it, and along its sight."""
    frames = np.unique(np.linspace(0, len(subject.toy.vertices) - 1, CHAMFERS).round().astype(int)).tolist()
    answer = variant(subject, task)
    found = measured(answer, subject, task, tuple(frames))
    return {**found, **split_error(answer.vertices, subject.toy)} if task.given_mesh else found


def split_error(vertices: np.ndarray | None, truth: Character) -> dict[str, float]:
    """Mean length of the vertices' errors across the camera's sight, and along it."""
    assert vertices is not None
    error = vertices.astype(np.float64) - truth.vertices
    depth = error @ truth.back
    across = np.linalg.norm(error - depth[..., None] * truth.back, axis=-1)
    return {"error_in_picture": float(across.mean()), "error_in_depth": float(np.abs(depth).mean())}


def results_of(store: ModelStore, run: dict, cast: Cast, records: list[dict], to_come: list[dict]) -> dict:
    """Summaries of what is measured: all, by body plan, by split, by file; and the records, those of an earlier run last."""
    return {
        "checkpoint": store.checkpoint.name,
        **run,
        "passed_over": cast.passed_over,
        "summary": summary_of(records),
        "splits": grouped(records, "split"),
        "body_plans": grouped(records, "body_plan"),
        "files": grouped(records, "file"),
        "records": records + to_come,
    }


def read_records(path: Path, run: dict) -> list[dict]:
    """The records of an earlier run; none where there is no file.

    Raises:
        InputError: it holds something else, or what another run found.
    """
    if not path.exists():
        return []
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        records = results["records"]
        assert all({"file", "track", "task", "row"} <= record.keys() for record in records)
        different = [name for name, value in run.items() if results[name] != value]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        raise InputError(f"{path} holds no results on tracked files.", "Choose another output file.") from error
    if different:
        told = ", ".join(f"{name} {results[name]}" for name in different)
        raise InputError(f"{path} holds results of another run ({told}).", "Choose another output file.")
    return records


def write_results(path: Path, results: dict) -> None:
    """Whole or not at all."""
    write_atomically(path, lambda part: part.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8"))


def _look(cast: Cast, store: ModelStore, preset_name: str, index: int) -> TrackedSubject:
    return cast.subject(index, store, preset_name)


def _told(answer: Callable[[TrackedSubject], dict], subject: Callable[[], TrackedSubject]) -> dict:
    """What is measured; a sentence where there is no surface."""
    try:
        return answer(subject())
    except MeshError as error:
        return {"problem": str(error)}
