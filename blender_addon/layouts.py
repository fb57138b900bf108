"""How panels, operators and preferences lay out their settings."""

import bpy


def in_rows(layout: bpy.types.UILayout) -> bpy.types.UILayout:
    """Lay out labels left and fields right, without keyframe dots: none of these settings can be animated."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    return layout


def fields(layout: bpy.types.UILayout, settings: bpy.types.bpy_struct, *names: str) -> None:
    """Draw some of the settings, one below the other."""
    for name in names:
        layout.prop(settings, name)
