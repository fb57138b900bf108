"""Panel "Bake & Export": bake the active mesh to fewer keys, a cache or bones, and export files for other programs."""

import bpy

from ..operators.export_file import FORMATS
from ..session import bone_search
from ..wording import in_rows
from ..workflow import bake_options
from .sidebar import OfActive
from .stage_words import in_words


class VIEW3D_PT_actionmesh_bake_export(OfActive, bpy.types.Panel):
    bl_label = "Bake & Export"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 3

    def draw(self, context: bpy.types.Context) -> None:
        layout = in_rows(self.layout)
        column = layout.column()
        bake_options.draw(column, context.scene.actionmesh.bake)
        column.operator("actionmesh.bake", icon="RENDER_RESULT")
        column = layout.column()
        if not draw_search(column):
            column.operator("actionmesh.bake_armature", icon="ARMATURE_DATA")
        column.operator("actionmesh.bake_to_own_armature", icon="POSE_HLT")
        column = layout.column(align=True)
        column.label(text="Export", icon="EXPORT")
        row = column.row(align=True)
        for format, name, _description in FORMATS:
            row.operator("actionmesh.export", text=name).format = format


def draw_search(layout: bpy.types.UILayout) -> bool:
    """Draw the running search for bones with a button that cancels it; return whether there is one."""
    search = bone_search.running()
    if search is None:
        return False
    told = search.task.progress
    row = layout.row(align=True)
    if search.since is not None:
        row.progress(text="Waiting for Object Mode", factor=1.0)
    elif told is None or not told.total:
        row.progress(text="Starting the backend", factor=0.0)
    else:
        row.progress(text=in_words(told), factor=told.step / told.total)
    row.operator("actionmesh.cancel_bones", text="", icon="X")
    return True


CLASSES = (VIEW3D_PT_actionmesh_bake_export,)
