"""The frame ranges that a scene plays."""

import bpy

LAST = 1_048_574
"""Blender's last frame."""


def extend_range(scene: bpy.types.Scene, start: int, end: int) -> None:
    """Make the scene play at least from `start` to `end`; never shorten its range or a preview range in use.

    A scene's range cannot begin before frame 0, so earlier frames only extend the preview; frames after Blender's last
    one extend neither.
    """
    end = min(end, LAST)
    scene.frame_start = min(scene.frame_start, max(start, 0))
    scene.frame_end = max(scene.frame_end, end)
    if scene.use_preview_range:
        scene.frame_preview_start = min(scene.frame_preview_start, start)
        scene.frame_preview_end = max(scene.frame_preview_end, end)


def preview_result(scene: bpy.types.Scene, start: int, end: int) -> None:
    """Make a result's frames the preview range; replace an earlier result's, but keep the artist's own."""
    settings = scene.actionmesh
    if scene.use_preview_range and (scene.frame_preview_start, scene.frame_preview_end) != tuple(settings.previewed):
        return
    scene.use_preview_range = True
    scene.frame_preview_start, scene.frame_preview_end = start, min(end, LAST)
    settings.previewed = scene.frame_preview_start, scene.frame_preview_end


def fit_range(scene: bpy.types.Scene, start: int, end: int) -> tuple[int, int]:
    """Fit the scene's range to an animation; remove a preview range that was set for a result.

    Returns:
        The first and the last frame, limited to Blender's range.
    """
    if scene.use_preview_range and (scene.frame_preview_start, scene.frame_preview_end) == tuple(
        scene.actionmesh.previewed
    ):
        scene.use_preview_range = False
    scene.frame_start, scene.frame_end = max(start, 0), min(max(end, 0), LAST)
    return scene.frame_start, scene.frame_end
