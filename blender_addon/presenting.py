"""What an artist finds selected after something was made."""

from typing import Any

import bpy


def selection(context: bpy.types.Context) -> tuple[Any, ...]:
    """Who is selected and active, and in which mode: equal as long as the artist left it alone."""
    layer = context.view_layer
    active = layer.objects.active
    return context.mode, active and active.name, tuple(item.name for item in layer.objects if item.select_get(view_layer=layer))


def present(context: bpy.types.Context, made: bpy.types.Object) -> None:
    """Selects a new object alone and makes it active, as Blender's own Add and Import do, in local view too.

    Not in another mode than Object Mode, and not where the object cannot be seen in this view layer.
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


def _show_in_local_views(context: bpy.types.Context, made: bpy.types.Object) -> None:
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            space = area.spaces.active
            if area.type == "VIEW_3D" and space.local_view is not None and window.view_layer == context.view_layer:
                made.local_view_set(space, True)
