"""The frames that a scene plays."""

import bpy

LAST = 1_048_574
"""Blender's last frame."""


def extend_range(scene: bpy.types.Scene, start: int, end: int) -> None:
    """Makes the scene play from `start` to `end` at least; its range, and a preview range in use, are never shortened.

    A scene's range begins at frame 0 at the earliest, so earlier frames only reach the preview; what comes after Blender's
    last frame reaches neither.
    """
    end = min(end, LAST)
    scene.frame_start = min(scene.frame_start, max(start, 0))
    scene.frame_end = max(scene.frame_end, end)
    if scene.use_preview_range:
        scene.frame_preview_start = min(scene.frame_preview_start, start)
        scene.frame_preview_end = max(scene.frame_preview_end, end)


def preview_result(scene: bpy.types.Scene, start: int, end: int) -> None:
    """Make a result's frames the preview range, in the place of an earlier result's; an artist's own one stays."""
    settings = scene.actionmesh
    if scene.use_preview_range and (scene.frame_preview_start, scene.frame_preview_end) != tuple(settings.previewed):
        return
    scene.use_preview_range = True
    scene.frame_preview_start, scene.frame_preview_end = start, min(end, LAST)
    settings.previewed = scene.frame_preview_start, scene.frame_preview_end


def fit_range(scene: bpy.types.Scene, start: int, end: int) -> tuple[int, int]:
    """Make a scene begin and end with an animation; a preview range that was set for a result goes.

    Returns:
        The first and the last frame, as far as Blender's scenes reach.
    """
    if scene.use_preview_range and (scene.frame_preview_start, scene.frame_preview_end) == tuple(
        scene.actionmesh.previewed
    ):
        scene.use_preview_range = False
    scene.frame_start, scene.frame_end = max(start, 0), min(max(end, 0), LAST)
    return scene.frame_start, scene.frame_end
