"""Summarise Toybench's records: means by row and template, and ratios that show whether a checkpoint is worth using.

Ratios are of sums over sequences, because the ratio of a sequence that hardly moves is meaningless.
"""

from collections.abc import Hashable, Iterable

from .baselines import RELIEF
from .matches import MATCH_ROWS
from .over_still import Found, by_row, mean, over_still, ratio
from .variants import ABLATIONS, FRAME_BY_FRAME, FULL, MESH_AND_VIDEO, MIRRORED, ONE_NOISE, OTHER, STILL, VIDEO

SHAPE = "shape of frame 0"
"""The task of what is measured on the shape of frame 0, before anything moves."""
MEASURES = ("vertex_error", "cd_3d", "cd_4d", "cd_m")
SHAPES = ("iou", "chamfer_vae", "chamfer_image", "chamfer_random", "chamfer_retrieved")
RATIOS = {
    "vertex_error_over_still": (MESH_AND_VIDEO.name, "vertex_error", FULL, STILL),
    "cd_m_over_still": (MESH_AND_VIDEO.name, "cd_m", FULL, STILL),
    "mirrored_vertex_error_over_still": (MESH_AND_VIDEO.name, "vertex_error", MIRRORED, STILL),
    "other_clip_vertex_error_over_still": (MESH_AND_VIDEO.name, "vertex_error", OTHER, STILL),
    "cd_4d_over_frame_by_frame": (VIDEO.name, "cd_4d", FULL, FRAME_BY_FRAME),
    "cd_4d_over_one_noise": (VIDEO.name, "cd_4d", FULL, ONE_NOISE),
    "relief_cd_4d_over_full": (VIDEO.name, "cd_4d", RELIEF, FULL),
    "relief_cd_m_over_full": (VIDEO.name, "cd_m", RELIEF, FULL),
}
"""By name: the task, the measure, and the rows in the numerator and the denominator."""
HIGHER_IS_BETTER = {"iou", "other_clip_vertex_error_over_still"}
MATCH = "match"
ON_THE_CLIP = (FULL, *MATCH_ROWS.values())
"""The rows of the network alone, and of its animation matched to the clip."""


def summary_of(records: list[dict]) -> dict:
    """Return the means of a set.

    Returns:
        headline: every ratio and shape measure over the set, with its worst template; templates: the same by template;
        tasks: means of every row, with the number of sequences and of those without a surface; ablations: the same for
        only the sequences on which the switches were tried; better_than_still: share of sequences; match: see
        `match_summary`.
    """
    shapes, moving = _parted(records)
    names = sorted({record["template"] for record in records})
    templates = {name: _headline(_of_template(records, name)) for name in names}
    ablated = {_key(record) for record in moving if record["row"] in ABLATIONS}
    match = match_summary(moving, names)
    return {
        "sequences": len({_sequence(record) for record in records}),
        "headline": {name: _with_worst(name, value, templates) for name, value in _headline(records).items()},
        "better_than_still": match["better_than_still"].get(FULL),
        "match": match,
        "templates": {
            name: {"sequences": len({_sequence(record) for record in _of_template(records, name)}), **templates[name]}
            for name in names
        },
        "tasks": _rows(record for record in moving if record["row"] not in ABLATIONS),
        "ablations": _rows(record for record in moving if _key(record) in ablated),
        "no_surface": sum("problem" in record for record in moving),
    }


def match_summary(records: list[dict], templates: list[str]) -> dict:
    """Return errors of the given mesh as shares of the still mesh's, by row: the network alone, and each way of match.

    Returns:
        the measures of `over_still` by row; templates: the vertex error's, by template and row; worst: the template
        with the largest, by row; worse_than_network: the templates in which match is worse than the network alone.
    """
    by_template = {name: _over_still(_of_template(records, name))["vertex_error_over_still"] for name in templates}
    worse = [name for name, rows in by_template.items() if _is_more(rows.get(MATCH), rows.get(FULL))]
    return {
        **_over_still(records),
        "templates": by_template,
        "worst": {row: _largest({name: rows.get(row) for name, rows in by_template.items()}) for row in ON_THE_CLIP},
        "worse_than_network": worse,
    }


def _over_still(records: list[dict]) -> dict[str, dict[str, float | None]]:
    rows = by_row((record for record in records if record["task"] == MESH_AND_VIDEO.name), _sequence)
    return over_still({row: rows[row] for row in ON_THE_CLIP if row in rows}, rows.get(STILL, {}))


def _is_more(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and one > other


def _largest(values: dict[str, float | None]) -> str | None:
    known = {name: value for name, value in values.items() if value is not None}
    return max(known, key=lambda name: known[name]) if known else None


def _parted(records: list[dict]) -> tuple[list[dict], list[dict]]:
    """Split records into those of shapes and those of motions."""
    return [r for r in records if r["task"] == SHAPE], [r for r in records if r["task"] != SHAPE]


def _of_template(records: list[dict], name: str) -> list[dict]:
    return [record for record in records if record["template"] == name]


def _headline(records: list[dict]) -> dict[str, float | None]:
    shapes, moving = _parted(records)
    ratios = {name: _ratio(moving, *parts) for name, parts in RATIOS.items()}
    return {**ratios, **{name: mean(shape.get(name) for shape in shapes) for name in SHAPES}}


def _ratio(records: list[dict], task: str, measure: str, above: str, below: str) -> float | None:
    rows: dict[str, Found] = by_row((record for record in records if record["task"] == task), _sequence)
    return ratio(rows.get(above, {}), rows.get(below, {}), measure)


def _with_worst(name: str, value: float | None, templates: dict[str, dict]) -> dict:
    known = {template: values[name] for template, values in templates.items() if values[name] is not None}
    if not known:
        return {"mean": value, "worst": None, "worst_template": None}
    worst = (min if name in HIGHER_IS_BETTER else max)(known, key=lambda template: known[template])
    return {"mean": value, "worst": known[worst], "worst_template": worst}


def _rows(records: Iterable[dict]) -> dict[str, dict[str, dict]]:
    """Return by task and row the means, the number of sequences, and how many had no surface."""
    grouped: dict[str, dict[str, list[dict]]] = {}
    for record in records:
        grouped.setdefault(record["task"], {}).setdefault(record["row"], []).append(record)
    return {task: {row: _row(found) for row, found in rows.items()} for task, rows in grouped.items()}


def _row(records: list[dict]) -> dict:
    """Return a row's means; a measure that one answer lacks has none, as a mean of the others would mislead."""
    answers = [record for record in records if "problem" not in record]
    complete = [name for name in MEASURES if all(record.get(name) is not None for record in answers)]
    means = {name: mean(record[name] for record in answers) if name in complete else None for name in MEASURES}
    return {"sequences": len(records), "no_surface": sum("problem" in record for record in records), **means}


def _sequence(record: dict) -> Hashable:
    return record["template"], record["seed"]


def _key(record: dict) -> tuple:
    return record["template"], record["seed"], record["task"]
