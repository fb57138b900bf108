"""Which frames of the source a job uses, and how many the source has."""

import math

import bpy

from ..errors import ArtistError
from ..process.backend_locator import protocol
from ..scene.source_range import range_of
from ..session import panel_state, thumbnail


def scene_frames(scene: bpy.types.Scene) -> list[int]:
    """Return the frames at which to render an animated object: equal whole steps, so that time runs evenly.

    Raises:
        ArtistError: the range of the scene has only one frame.
    """
    settings = scene.actionmesh
    if not settings.fit_clip:
        return [settings.scene_start + number * settings.frame_step for number in range(settings.frame_count)]
    start, end = range_of(settings.source_object, scene)
    if end <= start:
        raise ArtistError("The range of the scene has only one frame.", "Set its start and end around the animation.")
    return list(range(start, end + 1, _fitting_step(end - start + 1, settings.frame_count)))


def first_frame(scene: bpy.types.Scene) -> int:
    """Return the scene frame at which the motion of an animated object begins."""
    return range_of(scene.actionmesh.source_object, scene)[0]


def length(scene: bpy.types.Scene) -> int | None:
    """Return the number of frames of the source, or None if the clip has not been looked at yet."""
    if scene.actionmesh.source == "OBJECT":
        start, end = range_of(scene.actionmesh.source_object, scene)
        return end - start + 1
    seen = panel_state.state.look
    return seen.clip_frames if seen is not None and seen.clip == thumbnail.clip_key(scene.actionmesh) else None


def fit(settings: bpy.types.PropertyGroup, first: int, total: int) -> None:
    """Set first frame, step and count so that they cover `total` frames with at most the current count."""
    settings.fit_clip = False
    settings.frame_start, settings.scene_start = 0, first
    settings.frame_step = _fitting_step(total, settings.frame_count)
    settings.frame_count = max(2, 1 + (total - 1) // settings.frame_step)


def _fitting_step(total: int, count: int) -> int:
    return max(1, math.ceil((total - 1) / (count - 1)))


def frame_choice(scene: bpy.types.Scene) -> protocol.FrameChoice:
    settings = scene.actionmesh
    if settings.fit_clip:
        return protocol.FrameChoice(spread=min(settings.frame_count, max(2, length(scene) or settings.frame_count)))
    return protocol.FrameChoice(start=settings.frame_start, count=settings.frame_count, step=settings.frame_step)
