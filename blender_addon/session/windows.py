"""Redraw parts of Blender's windows, and run code in the context of a window."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

import bpy

TAB = "ActionMesh"
"""The name of our panels' tab in the sidebar."""


def redraw_panels() -> None:
    """Redraw the sidebars, but not the viewports next to them, which may be slow to draw."""
    for _window, area in areas("VIEW_3D"):
        for region in area.regions:
            if region.type == "UI":
                region.tag_redraw()


def redraw_panels_and_preferences() -> None:
    redraw_panels()
    for _window, area in areas("PREFERENCES"):
        area.tag_redraw()


def redraw_scenes() -> None:
    """Redraw the 3D viewports."""
    for _window, area in areas("VIEW_3D"):
        area.tag_redraw()


def redraw_status_bar() -> None:
    """Redraw the status bars, except in windows where a running operator may show text there."""
    if bpy.app.background:
        return
    for window in bpy.context.window_manager.windows:
        if not len(window.modal_operators):
            with bpy.context.temp_override(window=window):
                window.workspace.status_text_set_internal(None)


def in_a_window() -> AbstractContextManager[None]:
    """Return a context with a window. Timers have none, but operators that show or play something need one."""
    return bpy.context.temp_override(window=bpy.context.window or bpy.context.window_manager.windows[0])


def is_our_tab(region: bpy.types.Region | None) -> bool:
    """Return whether a region is a sidebar that shows our panels."""
    return region is not None and region.type == "UI" and region.active_panel_category == TAB


def areas(kind: str) -> Iterator[tuple[bpy.types.Window, bpy.types.Area]]:
    """Yield all areas of a kind, such as "VIEW_3D", with their windows."""
    for window in bpy.context.window_manager.windows:
        yield from ((window, area) for area in window.screen.areas if area.type == kind)
