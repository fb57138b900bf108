"""Panel "Result": what made the animation of the active mesh, how it plays, and another take of it."""

import bpy

from .. import animated
from .base import SidebarPanel, in_rows


class VIEW3D_PT_actionmesh_result(SidebarPanel, bpy.types.Panel):
    bl_label = "Result"
    bl_order = 2

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return animated.animation_of(context.active_object) is not None

    def draw(self, context: bpy.types.Context) -> None:
        layout = in_rows(self.layout)
        target = context.active_object
        column = layout.column()
        blend = column.column()
        blend.enabled = animated.can_blend(target)
        blend.prop(target.actionmesh, "strength", slider=True)
        column.prop(target.actionmesh, "speed")
        column.prop(target.actionmesh, "loop")
        row = layout.row(align=True)
        row.operator("object.shade_smooth")
        row.operator("object.shade_flat")
        layout.operator("actionmesh.go_to_reference", icon="KEYFRAME")


class VIEW3D_PT_actionmesh_origin(SidebarPanel, bpy.types.Panel):
    bl_label = "Made From"
    bl_parent_id = "VIEW3D_PT_actionmesh_result"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        column = layout.column(align=True)
        for name, value in animated.facts(context.active_object):
            split = column.split(factor=0.4)
            left = split.row()
            left.alignment = "RIGHT"
            left.label(text=name)
            split.label(text=value)
        column = in_rows(layout).column()
        column.prop(context.scene.actionmesh, "in_betweens")
        column.operator("actionmesh.rerun", icon="FILE_REFRESH")


CLASSES = (VIEW3D_PT_actionmesh_result, VIEW3D_PT_actionmesh_origin)
