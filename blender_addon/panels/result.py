"""Panel "Result": how the animation of the active mesh fits its clip, how it plays, and what it was made from."""

import bpy

from ..scene.coat_switch import can_switch
from ..scene.nla_tracks import Laid
from ..wording import fields, in_rows, write
from ..workflow import animated_object, clip_fit
from .sidebar import OfActive, SidebarPanel


class VIEW3D_PT_actionmesh_result(SidebarPanel, bpy.types.Panel):
    bl_label = "Result"
    bl_order = 2

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        target = context.active_object
        return animated_object.animation_of(target) is not None or bool(animated_object.tracks_of(target))

    def draw(self, context: bpy.types.Context) -> None:
        layout = in_rows(self.layout)
        target = context.active_object
        if animated_object.animation_of(target) is None:
            write(layout, context, "All results are on NLA tracks. Take one up to change it.", icon="NLA")
            return
        _draw_fit(layout, context)
        column = layout.column()
        blend = column.column()
        blend.enabled = animated_object.can_blend(target)
        blend.prop(target.actionmesh, "strength", slider=True)
        fields(column, target.actionmesh, "speed", "loop")
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
        if clip_fit.stands_otherwise(found):
            box.operator("actionmesh.bend_into_clip", icon="MOD_SIMPLEDEFORM")
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


class VIEW3D_PT_actionmesh_motion(OfActive, bpy.types.Panel):
    bl_parent_id = "VIEW3D_PT_actionmesh_result"
    bl_label = "Motion"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, _context: bpy.types.Context) -> None:
        column = self.layout.column(align=True)
        for name, icon in EDITS:
            column.operator(name, icon=icon)


class VIEW3D_PT_actionmesh_tracks(SidebarPanel, bpy.types.Panel):
    bl_label = "Tracks"
    bl_parent_id = "VIEW3D_PT_actionmesh_result"

    def draw(self, context: bpy.types.Context) -> None:
        target = context.active_object
        column = self.layout.column(align=True)
        if animated_object.animation_of(target) is not None:
            column.operator("actionmesh.push_down", icon="NLA_PUSHDOWN")
            column.operator("actionmesh.mark_asset", icon="ASSET_MANAGER").result = ""
            column.operator("actionmesh.remove_result", icon="TRASH").result = ""
        for laid in animated_object.tracks_of(target):
            _draw_laid(self.layout.row(align=True), laid)


def _draw_laid(row: bpy.types.UILayout, laid: Laid) -> None:
    """Draw a result on a track: whether it plays, its name, and what can be done with it."""
    prefix = laid.record.keys
    if laid.track is not None:
        playing = not laid.track.mute
        row.prop(laid.track, "mute", text="", icon="CHECKBOX_HLT" if playing else "CHECKBOX_DEHLT", emboss=False)
    row.label(text=prefix if laid.track is not None else f"{prefix} (no strip)")
    row.operator("actionmesh.take_up", text="", icon="EXPORT").result = prefix
    row.operator("actionmesh.mark_asset", text="", icon="ASSET_MANAGER").result = prefix
    row.operator("actionmesh.remove_result", text="", icon="TRASH").result = prefix


class VIEW3D_PT_actionmesh_origin(OfActive, bpy.types.Panel):
    bl_parent_id = "VIEW3D_PT_actionmesh_result"
    bl_label = "Made From"

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


CLASSES = (
    VIEW3D_PT_actionmesh_result,
    VIEW3D_PT_actionmesh_motion,
    VIEW3D_PT_actionmesh_tracks,
    VIEW3D_PT_actionmesh_origin,
)
