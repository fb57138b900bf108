"""What panels, operators and preferences draw and say: settings in rows, wrapped sentences, sizes, the time left."""

import textwrap

import bpy

GB, MB = 10**9, 10**6
MARGIN = 70
"""Pixels that a line cannot use."""
LETTER = 6.8
"""Width of a letter in pixels, with some to spare: Blender cuts a line that does not fit."""


def in_rows(layout: bpy.types.UILayout) -> bpy.types.UILayout:
    """Lay out labels left and fields right, without keyframe dots: none of these settings can be animated."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    return layout


def fields(layout: bpy.types.UILayout, settings: bpy.types.bpy_struct, *names: str) -> None:
    """Draw some of the settings, one below the other."""
    for name in names:
        layout.prop(settings, name)


def write(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: str = "NONE") -> None:
    """Draw a sentence wrapped to its region's width, with its icon before the first line."""
    scale = context.preferences.system.ui_scale or 1.0  # 0 without a window
    width = context.region.width if context.region else 300
    letters = max(20, int((width / scale - MARGIN) / LETTER))
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(textwrap.wrap(text, letters)):
        column.label(text=line, icon=(icon if number == 0 else "BLANK1") if icon != "NONE" else "NONE")


def amount(count: int) -> str:
    """Return bytes in words, such as "14.6 GB" or "176 MB"."""
    return f"{count / GB:.1f} GB" if count >= GB else f"{count / MB:.0f} MB"


def time_left(seconds: float | None) -> str:
    """Return seconds in words, coarse enough not to flicker; empty if unknown."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s left"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min left"
    return f"about {seconds / 3600:.1f} h left"
