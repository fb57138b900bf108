"""What is drawn over the picture of an editor: the handler that draws it, and lines."""

from collections.abc import Callable, Iterable
from typing import Any

import bpy
import gpu
from gpu_extras.batch import batch_for_shader


class Overlay:
    """Draws over every editor of one kind while it is attached.

    Args:
        space: the class of the editors' spaces.
        draw: draws over one of them, which is then the context's.
        stage: "POST_VIEW" to draw in the scene, "POST_PIXEL" to draw in pixels.
    """

    def __init__(self, space: Any, draw: Callable[[], None], stage: str):
        self._space, self._draw, self._stage = space, draw, stage
        self._handle: Any = None

    def attach(self) -> None:
        if self._handle is None:
            self._handle = self._space.draw_handler_add(self._draw, (), "WINDOW", self._stage)

    def detach(self) -> None:
        if self._handle is not None:
            self._space.draw_handler_remove(self._handle, "WINDOW")
            self._handle = None


def draw_lines(points: Iterable[Iterable[float]], colour: tuple[float, ...], width: float) -> None:
    """Draw lines between pairs of points (x, y, z); their width is in pixels of the screen."""
    region, shader = bpy.context.region, gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
    batch = batch_for_shader(shader, "LINES", {"pos": [tuple(point) for point in points]})
    shader.uniform_float("viewportSize", (region.width, region.height))
    shader.uniform_float("lineWidth", width)
    shader.uniform_float("color", colour)
    batch.draw(shader)
