"""The points and boxes drawn over the picture in the window of Pick Subject."""

import math

import bpy
import gpu
from gpu_extras.batch import batch_for_shader

from ..motion.pointing import Kind, Pick, Place, in_picture, of_frame
from ..scene import frame_picture
from . import pointing_state
from .overlay import Overlay, draw_lines

COLOURS = {Kind.POINT: (0.3, 0.9, 0.3, 1.0), Kind.NOT_POINT: (0.95, 0.25, 0.2, 1.0), Kind.BOX: (0.3, 0.9, 0.3, 1.0)}
RIM = (0.0, 0.0, 0.0, 1.0)
RADIUS, RIM_WIDTH = 6.0, 2.0
"""Pixels of the screen, for an interface at its usual size."""
SIDES = 20


def disc(centre: Place, radius: float) -> list[Place]:
    """Return the corners of the triangles of a disc."""
    turns = [2 * math.pi * side / SIDES for side in range(SIDES + 1)]
    rim = [(centre[0] + radius * math.cos(turn), centre[1] + radius * math.sin(turn)) for turn in turns]
    return [corner for pair in zip(rim, rim[1:], strict=False) for corner in (centre, *pair)]


def outline(start: Place, end: Place) -> list[Place]:
    """Return the lines of a box as pairs of points."""
    corners = [start, (end[0], start[1]), end, (start[0], end[1])]
    return [corner for number in range(4) for corner in (corners[number], corners[(number + 1) % 4])]


def _draw() -> None:
    here, space, region = pointing_state.current, bpy.context.space_data, bpy.context.region
    if here is None or here.frame is None or space.image is None or space.image.name != frame_picture.NAME:
        return

    def on_screen(x: float, y: float) -> Place:
        column, row = region.view2d.view_to_region(*in_picture(x, y, here.size), clip=False)
        return float(column), float(row)

    scale = bpy.context.preferences.system.ui_scale
    marks = of_frame(here.picks, here.frame)
    if here.box is not None:
        marks = (*marks, Pick(Kind.BOX, *here.box[0], *here.box[1]))
    for mark in marks:
        if mark.kind is Kind.BOX:
            corners = outline(on_screen(mark.x, mark.y), on_screen(mark.right, mark.bottom))
            draw_lines([(*corner, 0.0) for corner in corners], COLOURS[mark.kind], RIM_WIDTH)
        else:
            centre = on_screen(mark.x, mark.y)
            _draw_triangles(disc(centre, scale * (RADIUS + RIM_WIDTH)), RIM)
            _draw_triangles(disc(centre, scale * RADIUS), COLOURS[mark.kind])


def _draw_triangles(corners: list[Place], colour: tuple[float, ...]) -> None:
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    batch = batch_for_shader(shader, "TRIS", {"pos": [(*corner, 0.0) for corner in corners]})
    shader.uniform_float("color", colour)
    batch.draw(shader)


OVERLAY = Overlay(bpy.types.SpaceImageEditor, _draw, "POST_PIXEL")
