"""Select a new result, bring it into view and play it."""

from typing import Any

import bpy
from mathutils import Vector

from .windows import areas


def selection(context: bpy.types.Context) -> tuple[Any, ...]:
    """Return the mode, the active object and the selected objects, to tell whether the artist changed them."""
    layer = context.view_layer
    active = layer.objects.active
    return (
        context.mode,
        active and active.name,
        tuple(item.name for item in layer.objects if item.select_get(view_layer=layer)),
    )


def present(context: bpy.types.Context, made: bpy.types.Object) -> None:
    """Select only a new object and make it active, like Blender's own Add and Import, also in local view.

    Do nothing outside Object Mode, or if the object cannot be seen in this view layer.
    """
    layer = context.view_layer
    if context.mode != "OBJECT" or made.name not in layer.objects:
        return
    _show_in_local_views(context, made)
    if not made.visible_get(view_layer=layer):
        return
    for item in layer.objects:
        item.select_set(False, view_layer=layer)
    made.select_set(True, view_layer=layer)
    layer.objects.active = made


def bring_into_view(context: bpy.types.Context, made: bpy.types.Object, closer: bool) -> None:
    """Frame a selected object in the viewports that do not look through a camera.

    Args:
        closer: frame it even if it is already fully in view, perhaps far away.
    """
    if bpy.app.background or context.mode != "OBJECT" or not made.select_get() or not made.visible_get():
        return
    for window, area in areas("VIEW_3D"):
        view = area.spaces.active.region_3d
        if view is None or view.view_perspective == "CAMERA":
            continue
        region = next(region for region in area.regions if region.type == "WINDOW")
        if closer or not is_whole_in_view(made, view):
            with context.temp_override(window=window, area=area, region=region):
                bpy.ops.view3d.view_selected()


def is_whole_in_view(made: bpy.types.Object, view: bpy.types.RegionView3D) -> bool:
    """Return whether the centres of all sides of an object's bounding box lie in front of the eye and in the viewport.

    The corners are not tested: a mesh hardly ever fills them, and they may lie outside even after Blender framed it.
    """
    placed = view.perspective_matrix @ made.matrix_world
    low, high = Vector(made.bound_box[0]), Vector(made.bound_box[6])
    middles = [(low + high) / 2 for _ in range(6)]
    for axis in range(3):
        middles[2 * axis][axis], middles[2 * axis + 1][axis] = low[axis], high[axis]
    shown = [placed @ middle.to_4d() for middle in middles]
    return all(w > 0 and abs(x) <= w and abs(y) <= w for x, y, _z, w in shown)


def undo_step(name: str) -> None:
    """Make all changes so far one undo step."""
    if bpy.ops.ed.undo_push.poll():
        bpy.ops.ed.undo_push(message=name)


def play(context: bpy.types.Context) -> None:
    """Play the scene from the start of its range, unless it is already playing."""
    if not bpy.app.background and not context.screen.is_animation_playing:
        bpy.ops.screen.frame_jump(end=False)
        bpy.ops.screen.animation_play()


def _show_in_local_views(context: bpy.types.Context, made: bpy.types.Object) -> None:
    for window, area in areas("VIEW_3D"):
        space = area.spaces.active
        if space.local_view is not None and window.view_layer == context.view_layer:
            made.local_view_set(space, True)
