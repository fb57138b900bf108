"""The settings of Blender's window: how the panels look."""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722, F821

import bpy
from bpy.props import BoolProperty

from ..session import windows


class WindowSettings(bpy.types.PropertyGroup):
    """`window_manager.actionmesh`: how the panels look; nothing here affects a result."""

    all_files: BoolProperty(name="All Files", description="List the jobs of all files, not only of this one")


WITH_CALLBACKS = {
    "show_facing": BoolProperty(
        name="Show Facing",
        description="Draw an arrow in the viewport along the axis that the active mesh faces, chosen or detected",
        update=lambda _self, _context: windows.redraw_scenes(),
    ),
}
"""See `attachment`."""
