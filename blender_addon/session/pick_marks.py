"""The points and boxes drawn over the picture in the window of Pick Subject."""

import math

import blf
import bpy
import gpu
from gpu_extras.batch import batch_for_shader

from ..motion.pointing import Kind, Pick, Picks, Place, in_picture, of_frame
from ..scene import frame_picture
from . import pointing_state
from .overlay import Overlay, draw_lines
from .pointing_state import Pointing

COLOURS = {Kind.POINT: (0.3, 0.9, 0.3, 1.0), Kind.NOT_POINT: (0.95, 0.25, 0.2, 1.0), Kind.BOX: (0.3, 0.9, 0.3, 1.0)}
RIM = (0.0, 0.0, 0.0, 1.0)
RADIUS, RIM_WIDTH = 6.0, 2.0
"""Pixels of the screen, for an interface at its usual size."""
SIDES = 20
DIMMED = 0.55
"""How much of their colour the picks of other subjects have."""
NUMBER_SIZE, NUMBER_COLOUR = 13.0, (1.0, 1.0, 1.0, 0.8)
"""Of the numbers beside them."""

Colour = tuple[float, ...]


def disc(centre: Place, radius: float) -> list[Place]:
    """Return the corners of the triangles of a disc."""
    turns = [2 * math.pi * side / SIDES for side in range(SIDES + 1)]
    rim = [(centre[0] + radius * math.cos(turn), centre[1] + radius * math.sin(turn)) for turn in turns]
    return [corner for pair in zip(rim, rim[1:], strict=False) for corner in (centre, *pair)]


def outline(start: Place, end: Place) -> list[Place]:
    """Return the lines of a box as pairs of points."""
    corners = [start, (end[0], start[1]), end, (start[0], end[1])]
    return [corner for number in range(4) for corner in (corners[number], corners[(number + 1) % 4])]


def marks_of(here: Pointing) -> list[tuple[Pick, Colour, str]]:
    """Return what to draw in the frame: the picks of the other subjects, dimmed and with their number, then its own."""
    drawn_now = (Pick(Kind.BOX, *here.box[0], *here.box[1], here.frame),) if here.box is not None else ()
    marks = [mark for number, picks in here.others for mark in _marks(here, picks, DIMMED, str(number + 1))]
    return [*marks, *_marks(here, (*here.picks, *drawn_now), 1.0, "")]


def _marks(here: Pointing, picks: Picks, light: float, label: str) -> list[tuple[Pick, Colour, str]]:
    return [
        (pick, (*(light * part for part in COLOURS[pick.kind][:3]), 1.0), label) for pick in of_frame(picks, here.frame)
    ]


def _draw() -> None:
    here, space, region = pointing_state.current, bpy.context.space_data, bpy.context.region
    if here is None or here.frame is None or space.image is None or space.image.name != frame_picture.NAME:
        return

    def on_screen(x: float, y: float) -> Place:
        column, row = region.view2d.view_to_region(*in_picture(x, y, here.size), clip=False)
        return float(column), float(row)

    scale = bpy.context.preferences.system.ui_scale
    for mark, colour, label in marks_of(here):
        centre = on_screen(mark.x, mark.y)
        if mark.kind is Kind.BOX:
            corners = outline(centre, on_screen(mark.right, mark.bottom))
            draw_lines([(*corner, 0.0) for corner in corners], colour, RIM_WIDTH)
        else:
            _draw_triangles(disc(centre, scale * (RADIUS + RIM_WIDTH)), RIM)
            _draw_triangles(disc(centre, scale * RADIUS), colour)
        if label:
            _draw_number(label, (centre[0] + scale * 1.5 * RADIUS, centre[1] + scale * RADIUS), scale)


def _draw_triangles(corners: list[Place], colour: tuple[float, ...]) -> None:
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    batch = batch_for_shader(shader, "TRIS", {"pos": [(*corner, 0.0) for corner in corners]})
    shader.uniform_float("color", colour)
    batch.draw(shader)


def _draw_number(label: str, place: Place, scale: float) -> None:
    font = 0  # Blender's own
    blf.size(font, scale * NUMBER_SIZE)
    blf.color(font, *NUMBER_COLOUR)
    blf.position(font, *place, 0.0)
    blf.enable(font, blf.SHADOW)
    blf.shadow(font, 3, *RIM)
    blf.draw(font, label)
    blf.disable(font, blf.SHADOW)


OVERLAY = Overlay(bpy.types.SpaceImageEditor, _draw, "POST_PIXEL")
