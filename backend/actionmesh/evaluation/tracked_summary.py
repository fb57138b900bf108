"""Summarise records of tracked characters as ratios to the still mesh. Ratios are of sums over characters."""

from .over_still import Found, by_row, mean, over_still, ratio
from .variants import MESH_AND_VIDEO, OTHER, STILL, VIDEO

NETWORK, SHAPE = "network", "image-to-3D"
"""The row of the network's own animation, and the task of frame 0's shape."""
DISTANCES = ("cd_3d", "cd_4d", "cd_m")
SHAPES = {
    "chamfer": "chamfer_image",
    "chamfer_of_another": "chamfer_random",
    "chamfer_of_vae": "chamfer_vae",
    "iou_of_vae": "iou",
}


def summary_of(records: list[dict]) -> dict:
    """Return the summary of some characters.

    Returns:
        characters: their number; mesh_and_video: ratios by row (all but the still mesh and another's clip), the share
        of characters better than still, the median of their ratios, and the network's ratio on another's clip;
        image_to_3d: means of frame 0's Chamfer distances, and of the shape VAE's volume IoU; video: mean distances by
        row; no_surface: number of answers without a surface.
    """
    given, alone = (
        by_row((record for record in records if record["task"] == task.name), lambda record: record["file"])
        for task in (MESH_AND_VIDEO, VIDEO)
    )
    still, other = given.get(STILL, {}), given.get(OTHER, {})
    rows = {row: found for row, found in given.items() if row not in (STILL, OTHER)}
    shapes = [record for record in records if record["task"] == SHAPE]
    return {
        "characters": len({record["file"] for record in records}),
        "mesh_and_video": {
            **over_still(rows, still),
            "other_clip_vertex_error_over_still": {NETWORK: ratio(other, still, "vertex_error")},
        },
        "image_to_3d": {name: mean(record.get(key) for record in shapes) for name, key in SHAPES.items()},
        "video": {name: {row: _complete_mean(found, name) for row, found in alone.items()} for name in DISTANCES},
        "no_surface": sum("problem" in record for record in records),
    }


def grouped(records: list[dict], column: str) -> dict[str, dict]:
    """Return a summary for each value of a column, in order."""
    values = sorted({record[column] for record in records})
    return {value: summary_of([record for record in records if record[column] == value]) for value in values}


def _complete_mean(found: Found, measure: str) -> float | None:
    """Return the mean of a measure; None if an answer lacks it, as a mean of the others would mislead."""
    answers = [record for record in found.values() if "problem" not in record]
    return mean(record.get(measure) for record in answers) if all(r.get(measure) is not None for r in answers) else None
