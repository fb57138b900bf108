"""Toybench's records as means by row and template, and as the ratios that say whether a checkpoint is worth using.

Ratios are of sums over sequences: a sequence that hardly moves has no ratio of its own.
"""

from collections.abc import Iterable

import numpy as np

from .variants import ABLATIONS, FRAME_BY_FRAME, FULL, MESH_AND_VIDEO, ONE_NOISE, OTHER, STILL, VIDEO

MEASURES = ("vertex_error", "cd_3d", "cd_4d", "cd_m")
SHAPES = ("iou", "chamfer_vae", "chamfer_image", "chamfer_random", "chamfer_retrieved")
RATIOS = {
    "vertex_error_over_still": (MESH_AND_VIDEO.name, "vertex_error", FULL, STILL),
    "cd_m_over_still": (MESH_AND_VIDEO.name, "cd_m", FULL, STILL),
    "other_clip_vertex_error_over_still": (MESH_AND_VIDEO.name, "vertex_error", OTHER, STILL),
    "cd_4d_over_frame_by_frame": (VIDEO.name, "cd_4d", FULL, FRAME_BY_FRAME),
    "cd_4d_over_one_noise": (VIDEO.name, "cd_4d", FULL, ONE_NOISE),
}
"""Name: the task and the measure, and the rows above and below the line."""
HIGHER_IS_BETTER = {"iou", "other_clip_vertex_error_over_still"}


def summarise(shapes: list[dict], records: list[dict]) -> dict:
    """Means of a set.

    Returns:
        headline: every ratio and shape measure over the set, with its worst template; templates: the same by template; tasks: means
        of every row, with the number of sequences and of those without a surface; ablations: the same of the sequences alone on
        which the switches were tried; better_than_still: share of sequences.
    """
    names = sorted({shape["template"] for shape in shapes})
    templates = {name: _headline(_of_template(shapes, name), _of_template(records, name)) for name in names}
    ablated = _ablated(records)
    return {
        "sequences": len(shapes),
        "headline": {name: _with_worst(name, value, templates) for name, value in _headline(shapes, records).items()},
        "better_than_still": _better_than_still(records),
        "templates": {name: {"sequences": len(_of_template(shapes, name)), **templates[name]} for name in names},
        "tasks": _rows(record for record in records if record["row"] not in ablated),
        "ablations": _rows(record for record in records if _key(record) in _sequences(records, ablated)),
        "no_surface": sum("problem" in record for record in records),
    }


def _of_template(records: list[dict], name: str) -> list[dict]:
    return [record for record in records if record["template"] == name]


def _headline(shapes: list[dict], records: list[dict]) -> dict[str, float | None]:
    ratios = {name: _ratio(records, *parts) for name, parts in RATIOS.items()}
    return {**ratios, **{name: _mean(shape[name] for shape in shapes) for name in SHAPES}}


def _ratio(records: list[dict], task: str, measure: str, above: str, below: str) -> float | None:
    """Sum over sum, of the sequences that have both."""
    upper, lower = (
        {_key(r)[:2]: r[measure] for r in records if r["task"] == task and r["row"] == row and r.get(measure) is not None}
        for row in (above, below)
    )
    both = upper.keys() & lower.keys()
    total = sum(lower[key] for key in both)
    return sum(upper[key] for key in both) / total if total else None


def _with_worst(name: str, value: float | None, templates: dict[str, dict]) -> dict:
    known = {template: values[name] for template, values in templates.items() if values[name] is not None}
    if not known:
        return {"mean": value, "worst": None, "worst_template": None}
    worst = (min if name in HIGHER_IS_BETTER else max)(known, key=lambda template: known[template])
    return {"mean": value, "worst": known[worst], "worst_template": worst}


def _better_than_still(records: list[dict]) -> float | None:
    task, measure, full, still = RATIOS["vertex_error_over_still"]
    errors = {row: {_key(r): r[measure] for r in records if (r["task"], r["row"]) == (task, row)} for row in (full, still)}
    return _mean(float(error < errors[still][key]) for key, error in errors[full].items())


def _rows(records: Iterable[dict]) -> dict[str, dict[str, dict]]:
    """Task -> row -> means, sequences, and how many had no surface."""
    grouped: dict[str, dict[str, list[dict]]] = {}
    for record in records:
        grouped.setdefault(record["task"], {}).setdefault(record["row"], []).append(record)
    return {task: {row: _row(found) for row, found in rows.items()} for task, rows in grouped.items()}


def _row(records: list[dict]) -> dict:
    """A measure that one of the answers lacks has no mean: that of the others would say nothing about the row."""
    answers = [record for record in records if "problem" not in record]
    complete = [name for name in MEASURES if all(record.get(name) is not None for record in answers)]
    means = {name: _mean(record[name] for record in answers) if name in complete else None for name in MEASURES}
    return {"sequences": len(records), "no_surface": sum("problem" in record for record in records), **means}


def _ablated(records: list[dict]) -> set[str]:
    """The names of the ablation's rows that were computed."""
    return {record["row"] for record in records if record["row"] in ABLATIONS}


def _sequences(records: list[dict], rows: set[str]) -> set[tuple]:
    return {_key(record) for record in records if record["row"] in rows}


def _key(record: dict) -> tuple:
    return record["template"], record["seed"], record["task"]


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
