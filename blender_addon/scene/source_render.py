"""Render pictures of an animated object from its front, for the motion in them.

The checks (`plan_frames`) and the work for each frame (`render`) are separate, since another Blender may do the second.
How a picture is made is in `pictures`, and where the camera stands in `motion.framing`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ..errors import ArtistError, FolderError
from ..motion.framing import View, frame_box, front_axes
from ..process.backend_locator import protocol
from .measuring import Extent, measure
from .pictures import Engine, Studio, timing_of, usual_engine
from .source_objects import Name, find, name_of, require_baked, shown_objects

FEWEST = 2
SIZE = 384
"""Pixels per side: the networks see the subject at 224 or less, and Cycles takes half the time that it takes at 512."""


@dataclass(frozen=True)
class Plan:
    """How a source is rendered: plain data that can be sent to another Blender.

    Args:
        title: the source's name.
        timing: values of `pictures.TIMING`.
        frames: frames of the scene.
        size: pixels per side of the pictures.
        facing: the world axis that the subject faces, one of `motion.axes.FACINGS`. The camera stands there.
        engine: the render engine.
    """

    title: str
    timing: dict[str, int | float]
    frames: tuple[int, ...]
    size: int
    facing: str
    engine: Engine


def render_frames(
    context: bpy.types.Context,
    source: bpy.types.Object,
    folder: Path,
    frames: Sequence[int],
    size: int = SIZE,
    facing: str = "NEG_Y",
) -> Iterator[tuple[int, int]]:
    """Render frames that show the source alone, as `frame_0001.png`, `frame_0002.png`, ... in `folder`.

    Errors that the artist can fix are raised at once. Then every step of the iterator measures or renders one frame, so
    that a timer can take one step at a time, and yields how many pictures are done, and of how many. Between steps
    nothing temporary is in the file: to cancel, stop taking steps.

    Args:
        source: an object of the scene; what it carries is rendered too.
        folder: created if it does not exist.
        frames: frames of the scene, at least two.
        size: pixels per side of the pictures.
        facing: the world axis that the subject faces, one of `motion.axes.FACINGS`. The camera stands there.

    Raises:
        ArtistError: too few frames, nothing to render, an unbaked simulation, no motion, or the source was deleted.
        FolderError: the folder cannot be created, or a picture cannot be written.
        ValueError: there is no such facing.
    """
    plan, names = plan_frames(context.scene, source, frames, size, facing)
    _make(folder)
    return render(plan, names, folder)


def plan_frames(
    scene: bpy.types.Scene, source: bpy.types.Object, frames: Sequence[int], size: int = SIZE, facing: str = "NEG_Y"
) -> tuple[Plan, list[Name]]:
    """Return the plan and the names of the objects that show the source; arguments and errors as in `render_frames`."""
    front_axes(facing)
    if len(frames) < FEWEST:
        cure = "Choose a longer range or a smaller step."
        raise ArtistError(f"The motion of {source.name!r} needs at least {FEWEST} frames, not {len(frames)}.", cure)
    shown = shown_objects(source, scene)
    require_baked(shown)
    plan = Plan(source.name, timing_of(scene), tuple(frames), size, facing, usual_engine())
    return plan, [name_of(item) for item in shown]


def render(plan: Plan, names: Sequence[Name], folder: Path) -> Iterator[tuple[int, int]]:
    """Measure and then render the objects of these names into the existing `folder`; steps as in `render_frames`."""
    extents: list[Extent | None] = []
    axes, total = front_axes(plan.facing), len(plan.frames)
    for frame in plan.frames:
        yield from _while_blender_renders(total)
        with Studio(find(names), plan.timing, plan.engine) as studio:
            extents.append(measure(studio, frame, axes))
        yield 0, total
    view = _view_of_all(plan.title, extents, axes)
    for done, frame in enumerate(plan.frames, start=1):
        yield from _while_blender_renders(total, done - 1)
        with Studio(find(names), plan.timing, plan.engine) as studio:
            studio.stand(view)
            studio.render(frame, plan.size)
            studio.save(folder / f"frame_{done:04d}.png")
        yield done, total


def counted(title: str, steps: Iterable[tuple[int, int]]) -> Iterator[protocol.ProgressNotice]:
    """Yield the steps of `render` as the progress of a stage.

    Each frame is measured and then rendered; both count as a step.
    """
    measured = 0
    for done, total in steps:
        measured = min(measured + (not done), total)
        stage = protocol.Stage.RENDERING if done else protocol.Stage.MEASURING
        yield protocol.ProgressNotice(0, stage, measured + done, 2 * total, None, item=title)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FolderError(
            f"{folder} cannot be made: {error.strerror}.", "Choose another job folder in the preferences."
        ) from error


def _while_blender_renders(total: int, done: int = 0) -> Iterator[tuple[int, int]]:
    """Wait for a render of the artist's own to finish."""
    while bpy.app.is_job_running("RENDER"):
        yield done, total


def _view_of_all(title: str, extents: Sequence[Extent | None], axes: np.ndarray) -> View:
    """Return the camera that sees the source at every frame.

    Raises:
        ArtistError: there is nothing to see, or it does not move.
    """
    seen = [extent for extent in extents if extent is not None]
    if not seen:
        raise ArtistError(
            f"{title!r} has no faces in these frames.", "Choose an object with faces, or frames that show it."
        )
    low, high = np.min([extent.low for extent in seen], axis=0), np.max([extent.high for extent in seen], axis=0)
    if all((extent.low == extent.high).all() for extent in seen):
        raise ArtistError(f"{title!r} has no size.", "Choose an object that can be seen.")
    if FEWEST <= len(seen) == len(extents) and len({extent.pose for extent in seen}) == 1:
        raise ArtistError(f"{title!r} does not move in these frames.", "Choose frames in which it moves.")
    try:
        return frame_box(axes, low, high)
    except ValueError as error:
        raise ArtistError(f"{title!r} has vertices that are out of bounds or not finite.", "Fix its mesh.") from error
