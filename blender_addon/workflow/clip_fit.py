"""How well the animation of an object fits its clip, in words, and which side of the mesh the camera sees."""

import bpy
import numpy as np

from ..motion.axes import rotation, seen_axes, yaw_between
from ..process.backend_locator import protocol
from .animated_object import OWN, animation_of

WAYS = {protocol.Match.REFINE: "from the motion", protocol.Match.TRACK: "from the mesh"}
SIDES = {0: protocol.Facing.FRONT, 90: protocol.Facing.RIGHT, 180: protocol.Facing.BACK, 270: protocol.Facing.LEFT}
"""The sides of a mesh by degrees around +Y from its +Z."""


def fit_of(target: bpy.types.Object | None) -> protocol.Fit | None:
    """Return the fit that the backend reported for the object's animation, or None if there is none."""
    made = animation_of(target)
    return None if made is None else made.fit


def summary(fit: protocol.Fit) -> str:
    """Return how well the animation fits, in one line; empty if it was not compared with the clip."""
    if fit.overlap is not None:
        way = f" ({WAYS[fit.way]})" if fit.way in WAYS else ""
        return f"Fits the clip: {100 * fit.overlap:.0f}%{way}"
    return "" if fit.agreement is None else "Not matched to the clip"


def stands_otherwise(fit: protocol.Fit) -> bool:
    """Return whether the artist's mesh stands as no frame shows it, was not bent, and so was not matched to the clip.

    Only such a mesh was compared with its clip and has no camera.
    """
    return fit.shape == OWN and fit.agreement is not None and fit.camera is None and fit.bent is None


def other_side(fit: protocol.Fit) -> protocol.Facing | None:
    """Return the side that the camera may see instead: one that fits almost as well, or the opposite if nothing fits.

    Return None if the side is certain, or if the mesh was made from what the camera sees.
    """
    if fit.shape != OWN or (fit.doubt is None and not fit.notes):
        return None
    wanted = fit.facing + 180 if fit.doubt is None else fit.doubt
    nearest = sorted(SIDES, key=lambda yaw: _apart(yaw, wanted))
    other = next(yaw for yaw in nearest if _apart(yaw, wanted) <= _apart(yaw, fit.facing))
    return SIDES[other]


def _apart(one: float, other: float) -> float:
    """Return the degrees between two directions."""
    return abs((one - other + 180) % 360 - 180)


def side_at(axis: str, facing: str, shape: np.ndarray | None = None) -> protocol.Facing | None:
    """Return the side of a mesh that lies at a local axis; None if no side does.

    Args:
        axis: the local axis.
        facing: the axis that the mesh faced when it was given to the backend.
        shape: (3, 3) with which the mesh was shown, see `motion.world_shape`.
    """
    yaw = yaw_between(axis, facing, shape)
    return None if yaw is None else SIDES[yaw]


def front_and_up(target: bpy.types.Object) -> np.ndarray | None:
    """Return the local axes along which the subject looks and stands, (2, 3); None if neither chosen nor found."""
    if target.actionmesh.facing != "AUTO":
        return rotation(target.actionmesh.facing)[[2, 1]]
    made = animation_of(target)
    found = made.fit if made is not None else None
    if made is None or found is None or (found.agreement is None and found.shape == OWN):
        return None
    local = seen_axes(found.facing, made.facing) @ np.linalg.inv(made.shape_matrix).T
    return local / np.linalg.norm(local, axis=1, keepdims=True)
