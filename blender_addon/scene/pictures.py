"""A temporary scene to render in, which exists for the length of one picture.

A render changes nothing in the artist's scene, and between two pictures nothing of ours is in the file: undo, saving
and loading find no trace. One effect remains: Blender evaluates the current frame again after any render.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Any

import bpy
import gpu
import numpy as np
from mathutils import Matrix

from ..errors import ArtistError, FolderError, RenderError
from ..motion.framing import View
from ..motion.lighting import STUDIO, Light

NAME = "ActionMesh Studio"
SAMPLES, BOUNCES = 8, 2
TIMING = ("fps", "fps_base", "frame_map_old", "frame_map_new")
"""Render settings that map frames to moments in time."""
PNG_END = b"IEND\xaeB`\x82"


class Engine(StrEnum):
    EEVEE = "eevee"
    CYCLES = "cycles"


def usual_engine() -> Engine:
    """Return EEVEE if there is a GPU to draw with, otherwise Cycles on the processor, with a few samples.

    Without a window there is no way to ask for a GPU, and software drawing is slower than Cycles.
    """
    return Engine.CYCLES if bpy.app.background or gpu.platform.device_type_get() == "SOFTWARE" else Engine.EEVEE


class Studio:
    """A temporary scene with the given objects; leaving the `with` block removes everything that was made.

    Args:
        objects: the objects to show; they stay in their own scenes too.
        timing: values of TIMING.
        engine: the render engine; None takes the usual one.
    """

    def __init__(self, objects: Iterable[bpy.types.Object], timing: dict[str, Any], engine: Engine | None = None):
        self.objects, self.timing, self.engine = tuple(objects), timing, engine or usual_engine()
        self._made: list[bpy.types.ID] = []

    def __enter__(self) -> "Studio":
        self._had_result = _render_result() is not None
        self.scene = self._keep(bpy.data.scenes.new(NAME))
        try:
            self._furnish()
        except BaseException:
            self._clear()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._clear()

    def stand(self, view: View, light: Light = STUDIO) -> None:
        """Place the camera and a key light next to it. There are no shadows: only form matters."""
        camera, key = self.scene.camera, self._add(bpy.data.lights.new(NAME, "SUN"))
        camera.matrix_world = _placed(view.axes, view.eye)
        camera.data.angle, camera.data.clip_start, camera.data.clip_end = view.field_of_view, view.near, view.far
        key.matrix_world = _placed(_axes_from(np.array(light.key_from) @ view.axes), view.eye)
        key.data.energy, key.data.color = light.key * np.pi, light.colour
        _cast_no_shadow(key.data)
        self.scene.world = self._keep(bpy.data.worlds.new(NAME))
        _light_evenly(self.scene.world, light.ambient)

    def render(self, frame: float, size: int) -> None:
        """Render a whole or fractional frame of the scene, size x size pixels, with a transparent background.

        Raises:
            RenderError: Blender refuses.
            ArtistError: Esc was pressed.
        """

        def go_to_frame(scene: bpy.types.Scene, *_: object) -> None:
            if scene == self.scene:  # the operator has just set it to the artist's current frame
                with _negative_frames_allowed():
                    scene.frame_float = frame

        self.scene.render.resolution_x = self.scene.render.resolution_y = size
        with calling("render_pre", go_to_frame):
            try:
                done = bpy.ops.render.render(scene=self.scene.name)
            except RuntimeError as error:
                reason = str(error).removeprefix("Error: ").strip()
                raise RenderError(f"Blender could not render frame {frame:g}: {reason}.", "Try again.") from error
        if done != {"FINISHED"}:
            raise ArtistError("Rendering was stopped.", "Try again.")

    def save(self, path: Path) -> None:
        """Write the last picture as an RGBA PNG with straight alpha.

        Raises:
            FolderError: the picture cannot be written completely; no file is left.
        """
        result = _render_result()
        assert result is not None, "nothing was rendered"
        with suppress(RuntimeError):  # the file is checked below: Blender reports no error when the disk is full
            result.save_render(str(path), scene=self.scene)
        if _is_whole_png(path):
            return
        with suppress(OSError):
            path.unlink()
        raise FolderError(
            f"{path} cannot be written.", "Free some space, or choose another job folder in the preferences."
        )

    def _furnish(self) -> None:
        shown = self._keep(bpy.data.collections.new(NAME))
        self.scene.collection.children.link(shown)
        for item in self.objects:
            shown.objects.link(item)
        self.scene.camera = self._add(bpy.data.cameras.new(NAME))
        for name, value in self.timing.items():
            setattr(self.scene.render, name, value)
        _choose_engine(self.scene, self.engine)
        _choose_film(self.scene)

    def _keep(self, made: Any) -> Any:
        self._made.append(made)
        return made

    def _add(self, data: bpy.types.ID) -> bpy.types.Object:
        self._keep(data)
        placed = self._keep(bpy.data.objects.new(NAME, data))
        self.scene.collection.objects.link(placed)
        return placed

    def _clear(self) -> None:
        result = _render_result()
        if result is not None and not self._had_result:
            self._made.append(result)
        bpy.data.batch_remove(self._made)
        self._made = []


def timing_of(scene: bpy.types.Scene) -> dict[str, Any]:
    return {name: getattr(scene.render, name) for name in TIMING}


@contextmanager
def calling(event: str, call: Callable[..., None]) -> Iterator[None]:
    """Make Blender call `call(scene, depsgraph)` at an event of `bpy.app.handlers` while the block runs."""
    handlers = getattr(bpy.app.handlers, event)
    handlers.append(call)
    try:
        yield
    finally:
        handlers.remove(call)


@contextmanager
def _negative_frames_allowed() -> Iterator[None]:
    """Switch on the preference without which frames before 0 cannot be set."""
    editing = bpy.context.preferences.edit
    before, editing.use_negative_frames = editing.use_negative_frames, True
    try:
        yield
    finally:
        editing.use_negative_frames = before


def _choose_engine(scene: bpy.types.Scene, engine: Engine) -> None:
    if engine is Engine.CYCLES:
        _choose_cycles(scene, SAMPLES)
    else:
        scene.render.engine = "BLENDER_EEVEE" if bpy.app.version >= (5, 0) else "BLENDER_EEVEE_NEXT"
        scene.eevee.taa_render_samples = SAMPLES


def _choose_cycles(scene: bpy.types.Scene, samples: int) -> None:
    try:
        scene.render.engine = "CYCLES"
    except TypeError as error:
        raise RenderError(
            "Cycles is switched off.", "Enable the add-on Cycles Render Engine in the preferences."
        ) from error
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.max_bounces = "CPU", samples, BOUNCES
    cycles.use_denoising = cycles.use_adaptive_sampling = False


def _choose_film(scene: bpy.types.Scene) -> None:
    settings = scene.render
    settings.resolution_percentage = 100
    settings.film_transparent = True
    settings.use_compositing = settings.use_sequencer = False
    settings.image_settings.file_format, settings.image_settings.color_mode = "PNG", "RGBA"
    with suppress(TypeError):  # a studio's own colour configuration may not have it
        scene.view_settings.view_transform = "Standard"


def _cast_no_shadow(light: bpy.types.Light) -> None:
    light.use_shadow = False
    if hasattr(light, "cycles") and hasattr(light.cycles, "cast_shadow"):
        light.cycles.cast_shadow = False


def _light_evenly(world: bpy.types.World, strength: float) -> None:
    """Light a world evenly; a new world has nodes from Blender 5.0 on, and none before."""
    colour = (strength, strength, strength)
    world.color = colour
    for node in world.node_tree.nodes if world.node_tree else ():
        if node.type == "BACKGROUND":
            node.inputs[0].default_value = (*colour, 1)


def _axes_from(back: np.ndarray) -> np.ndarray:
    """Return (3, 3) orthonormal rows, the last of them along `back`."""
    back = back / np.linalg.norm(back)
    right = np.cross(np.eye(3)[np.abs(back).argmin()], back)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(back, right), back])


def _placed(axes: np.ndarray, eye: np.ndarray) -> Matrix:
    """Return the matrix of an object at `eye` whose local axes are the rows of `axes`."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = axes.T, eye
    return Matrix(matrix.tolist())


def _render_result() -> bpy.types.Image | None:
    return next((image for image in bpy.data.images if image.type == "RENDER_RESULT"), None)


def _is_whole_png(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            file.seek(-len(PNG_END), 2)
            return file.read(len(PNG_END)) == PNG_END
    except OSError:
        return False
