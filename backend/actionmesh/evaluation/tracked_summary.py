"""Records of tracked characters as ratios to the mesh that stands still. Ratios are of sums over characters."""

from collections.abc import Iterable

import numpy as np

from .variants import MESH_AND_VIDEO, OTHER, STILL, VIDEO

NETWORK, SHAPE = "network", "image-to-3D"
"""The row of the product's own stages, and the task of frame 0's shape."""
OVER_STILL = {
    "vertex_error_over_still": "vertex_error",
    "cd_m_over_still": "cd_m",
    "error_in_picture_over_still": "error_in_picture",
    "error_in_depth_over_still": "error_in_depth",
}
"""Ratios of mesh + video, and the measures above the line. Below it is the still mesh's vertex error, or its CD-M."""
DISTANCES = ("cd_3d", "cd_4d", "cd_m")
SHAPES = {"chamfer": "chamfer_image", "chamfer_of_another": "chamfer_random", "chamfer_of_vae": "chamfer_vae"}

Values = dict[str, float | None]


def summary_of(records: list[dict]) -> dict:
    """Summary of some characters.

    Returns:
        characters: how many; mesh_and_video: ratios by row (all but the still mesh and another's clip), the share of characters
        that are better than still, the median of their ratios, and the network's ratio on another's clip; image_to_3d: means of
        frame 0's Chamfer distances; video: mean distances by row; no_surface: answers without a surface.
    """
    given, alone = (_by_row(record for record in records if record["task"] == task.name) for task in (MESH_AND_VIDEO, VIDEO))
    still, other = given.get(STILL, {}), given.get(OTHER, {})
    rows = [row for row in given if row not in (STILL, OTHER)]
    shapes = [record for record in records if record["task"] == SHAPE]
    return {
        "characters": len({record["file"] for record in records}),
        "mesh_and_video": {
            **{name: {row: _ratio(given[row], still, measure) for row in rows} for name, measure in OVER_STILL.items()},
            "median_vertex_error_over_still": {row: _median(_ratios(given[row], still)) for row in rows},
            "better_than_still": {row: _mean(float(ratio < 1) for ratio in _ratios(given[row], still)) for row in rows},
            "other_clip_vertex_error_over_still": {NETWORK: _ratio(other, still, "vertex_error")},
        },
        "image_to_3d": {name: _mean(record.get(key) for record in shapes) for name, key in SHAPES.items()},
        "video": {name: {row: _complete_mean(found, name) for row, found in alone.items()} for name in DISTANCES},
        "no_surface": sum("problem" in record for record in records),
    }


def grouped(records: list[dict], column: str) -> dict[str, dict]:
    """A summary for each value of a column, in order."""
    values = sorted({record[column] for record in records})
    return {value: summary_of([record for record in records if record[column] == value]) for value in values}


def _by_row(records: Iterable[dict]) -> dict[str, dict[str, dict]]:
    """Row -> file -> record."""
    rows: dict[str, dict[str, dict]] = {}
    for record in records:
        rows.setdefault(record["row"], {})[record["file"]] = record
    return rows


def _ratio(above: dict[str, dict], below: dict[str, dict], measure: str) -> float | None:
    """Sum over sum, of the characters that have both."""
    unit = "cd_m" if measure == "cd_m" else "vertex_error"
    both = [
        (record[measure], below[name][unit])
        for name, record in above.items()
        if record.get(measure) is not None and below.get(name, {}).get(unit) is not None
    ]
    total = sum(lower for _, lower in both)
    return sum(upper for upper, _ in both) / total if total else None


def _ratios(above: dict[str, dict], below: dict[str, dict]) -> list[float]:
    """Of each character by itself."""
    each = (_ratio({name: record}, below, "vertex_error") for name, record in above.items())
    return [ratio for ratio in each if ratio is not None]


def _complete_mean(found: dict[str, dict], measure: str) -> float | None:
    """None where one of the answers lacks the measure: the mean of the others would say nothing about the row."""
    answers = [record for record in found.values() if "problem" not in record]
    return _mean(record.get(measure) for record in answers) if all(r.get(measure) is not None for r in answers) else None


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _median(values: list[float]) -> float | None:
    return float(np.median(values)) if values else None
