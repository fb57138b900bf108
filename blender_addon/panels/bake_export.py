"""Panel "Bake & Export": bake the active mesh to fewer keys or a cache, and export files for other programs."""

import bpy

from ..operators.export_file import FORMATS
from ..workflow import animated_object, bake_options
from .sidebar import SidebarPanel, in_rows


class VIEW3D_PT_actionmesh_bake_export(SidebarPanel, bpy.types.Panel):
    bl_label = "Bake & Export"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 3

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return animated_object.animation_of(context.active_object) is not None

    def draw(self, context: bpy.types.Context) -> None:
        layout = in_rows(self.layout)
        column = layout.column()
        bake_options.draw(column, context.scene.actionmesh.bake)
        column.operator("actionmesh.bake", icon="RENDER_RESULT")
        column = layout.column(align=True)
        column.label(text="Export", icon="EXPORT")
        row = column.row(align=True)
        for format, name, _description in FORMATS:
            row.operator("actionmesh.export", text=name).format = format


CLASSES = (VIEW3D_PT_actionmesh_bake_export,)
