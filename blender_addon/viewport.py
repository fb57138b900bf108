"""The arrow that shows along which axis the active mesh is taken to look, and redrawing what an artist sees."""

from collections.abc import Iterator
from typing import Any

import bpy
import gpu
from gpu_extras.batch import batch_for_shader
from mathutils import Matrix, Vector

from .motion.axes import rotation

COLOR = (1.0, 0.55, 0.1, 1.0)
_handle: Any = None


def redraw_panels() -> None:
    """Asks for new pictures of the sidebars; the scenes beside them, which may be slow to draw, stay as they are."""
    for area in _viewports():
        for region in area.regions:
            if region.type == "UI":
                region.tag_redraw()


def redraw_scenes() -> None:
    """Asks for new pictures of the 3D viewports."""
    for area in _viewports():
        area.tag_redraw()


def _viewports() -> Iterator[bpy.types.Area]:
    for window in bpy.context.window_manager.windows:
        yield from (area for area in window.screen.areas if area.type == "VIEW_3D")


def arrow(corners: list[Vector], facing: str) -> list[Vector]:
    """The arrow's lines as pairs of points in local coordinates: a shaft from the middle outwards, and a head.

    Args:
        corners: the eight corners of the bounding box, local.
        facing: as in `motion.axes.rotation`, whose last row is the local axis that becomes the model's front.
    """
    low = Vector(min(corner[axis] for corner in corners) for axis in range(3))
    high = Vector(max(corner[axis] for corner in corners) for axis in range(3))
    turn = rotation(facing)
    up, front = Vector(turn[1]), Vector(turn[2])
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
    points = arrow([Vector(corner) for corner in target.bound_box], target.actionmesh.facing)
    _draw_lines(points, target.matrix_world, context.region)


def _draw_lines(points: list[Vector], placed: Matrix, region: bpy.types.Region) -> None:
    shader = gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
    batch = batch_for_shader(shader, "LINES", {"pos": [tuple(placed @ point) for point in points]})
    gpu.state.depth_test_set("NONE")
    shader.uniform_float("viewportSize", (region.width, region.height))
    shader.uniform_float("lineWidth", 3.0)
    shader.uniform_float("color", COLOR)
    batch.draw(shader)


def attach() -> None:
    global _handle
    if _handle is None:
        _handle = bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_VIEW")


def detach() -> None:
    global _handle
    if _handle is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_handle, "WINDOW")
        _handle = None
