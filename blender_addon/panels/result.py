"""Panel "Result": how the animation of the active mesh fits its clip, how it plays, and what it was made from."""

import bpy

from ..scene.coat_switch import can_switch
from ..wording import write
from ..workflow import animated_object, clip_fit
from .sidebar import SidebarPanel, in_rows


class VIEW3D_PT_actionmesh_result(SidebarPanel, bpy.types.Panel):
    bl_label = "Result"
    bl_order = 2

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return animated_object.animation_of(context.active_object) is not None

    def draw(self, context: bpy.types.Context) -> None:
        layout = in_rows(self.layout)
        target = context.active_object
        _draw_fit(layout, context)
        column = layout.column()
        blend = column.column()
        blend.enabled = animated_object.can_blend(target)
        blend.prop(target.actionmesh, "strength", slider=True)
        column.prop(target.actionmesh, "speed")
        column.prop(target.actionmesh, "loop")
        if can_switch(target):
            column.column(heading="Colours").prop(target.actionmesh, "clip_colours", text="From the Clip")
        row = layout.row(align=True)
        row.operator("object.shade_smooth")
        row.operator("object.shade_flat")
        layout.operator("actionmesh.go_to_reference", icon="KEYFRAME")
        layout.operator("actionmesh.fit_scene", icon="PREVIEW_RANGE")


def _draw_fit(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw how well the animation fits its clip, what is doubtful about it, and what can be done."""
    found = clip_fit.fit_of(context.active_object)
    if found is None:
        return
    column = layout.column()
    if line := clip_fit.summary(found):
        column.label(text=line, icon="TRACKING")
    if found.notes:
        box = column.box()
        for note in found.notes:
            write(box, context, note, icon="ERROR")
        if clip_fit.other_side(found) is not None:
            box.operator("actionmesh.face_other_way", icon="FILE_REFRESH")
    row = column.row(align=True)
    row.operator("actionmesh.match_again", icon="TRACKING_FORWARDS")
    row.operator("actionmesh.add_camera", icon="CAMERA_DATA")


EDITS = (
    ("actionmesh.make_loop", "FILE_REFRESH"),
    ("actionmesh.smooth_motion", "MOD_SMOOTH"),
    ("actionmesh.lock_feet", "CON_FLOOR"),
    ("actionmesh.extract_root_motion", "EMPTY_ARROWS"),
    ("actionmesh.apply_root_motion", "SHAPEKEY_DATA"),
)
"""The operators that edit the motion, with their icons."""


class VIEW3D_PT_actionmesh_motion(SidebarPanel, bpy.types.Panel):
    bl_label = "Motion"
    bl_parent_id = "VIEW3D_PT_actionmesh_result"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, _context: bpy.types.Context) -> None:
        column = self.layout.column(align=True)
        for name, icon in EDITS:
            column.operator(name, icon=icon)


class VIEW3D_PT_actionmesh_origin(SidebarPanel, bpy.types.Panel):
    bl_label = "Made From"
    bl_parent_id = "VIEW3D_PT_actionmesh_result"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        column = layout.column(align=True)
        for name, value in animated_object.facts(context.active_object):
            split = column.split(factor=0.4)
            left = split.row()
            left.alignment = "RIGHT"
            left.label(text=name)
            split.label(text=value)
        column = in_rows(layout).column()
        column.prop(context.scene.actionmesh, "in_betweens")
        column.operator("actionmesh.rerun", icon="FILE_REFRESH")


CLASSES = (VIEW3D_PT_actionmesh_result, VIEW3D_PT_actionmesh_motion, VIEW3D_PT_actionmesh_origin)
