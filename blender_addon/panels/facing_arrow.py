"""The arrow in the viewport along the axis that the active mesh faces, either chosen or found in the clip."""

import bpy
import gpu
import numpy as np
from mathutils import Vector

from ..session.overlay import Overlay, draw_lines
from ..workflow.clip_fit import front_and_up

COLOR = (1.0, 0.55, 0.1, 1.0)


def arrow(corners: list[Vector], axes: np.ndarray) -> list[Vector]:
    """Return the arrow's lines as pairs of points in local coordinates: a shaft from the middle outwards, and a head.

    Args:
        corners: the eight corners of the bounding box, local.
        axes: (2, 3) the local directions in which the subject looks and stands.
    """
    low = Vector(min(corner[axis] for corner in corners) for axis in range(3))
    high = Vector(max(corner[axis] for corner in corners) for axis in range(3))
    front, up = map(Vector, axes)
    side = up.cross(front)
    length = max(high - low) or 1.0
    middle = (low + high) / 2
    tip = middle + front * length
    barbs = [tip - front * 0.2 * length + way * 0.1 * length for way in (side, -side, up, -up)]
    return [middle, tip] + [point for barb in barbs for point in (tip, barb)]


def _draw() -> None:
    context = bpy.context
    target = context.active_object
    if not context.window_manager.actionmesh.show_facing or target is None or target.type != "MESH":
        return
    axes = front_and_up(target)
    if axes is not None:
        points = arrow([Vector(corner) for corner in target.bound_box], axes)
        gpu.state.depth_test_set("NONE")
        draw_lines([target.matrix_world @ point for point in points], COLOR, 3.0)


OVERLAY = Overlay(bpy.types.SpaceView3D, _draw, "POST_VIEW")
