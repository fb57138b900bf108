"""Panel "Animate": the clip, its frames, the quality, where the result goes, and the three buttons."""

from pathlib import Path

import bpy

from ..operators.animating import label_of
from ..operators.shared import active_mesh, selected_meshes, source_object
from ..session import panel_state, thumbnail
from ..session.choices import choices
from ..wording import fields, in_rows, write
from ..workflow import chosen_clip
from . import setup_box, subject_rows
from .models import draw_hint, draw_video_hint
from .sidebar import SidebarPanel, show_problem


class VIEW3D_PT_actionmesh_animate(SidebarPanel, bpy.types.Panel):
    bl_label = "Animate"
    bl_order = 0

    def draw(self, context: bpy.types.Context) -> None:
        layout = in_rows(self.layout)
        settings = context.scene.actionmesh
        _draw_source(layout, settings)
        if settings.source == "TEXT":
            from_picture = bool(settings.clip_picture or selected_meshes(context))
            draw_video_hint(layout.column(), context, from_picture)
        _draw_picture(layout, context)
        subject_rows.draw(layout, context)
        _draw_target(layout, context)
        if setup_box.draw_if_needed(layout, context, choices().python):
            return
        column = layout.column()
        column.scale_y = 1.3
        for name, icon in _ways_in(context):
            column.operator(name, icon=icon, **label_of(name, settings))
        if not chosen_clip.has_source(settings):
            column.operator("actionmesh.try_it", icon="PLAY")
        problem = panel_state.state.problem
        if problem:
            show_problem(layout, context, problem)


def _ways_in(context: bpy.types.Context) -> list[tuple[str, str]]:
    """Return the operators and icons of the three buttons, the one that best suits the selection first."""
    from_video = ("actionmesh.animate_from_video", "ADD")
    onto_meshes = [("actionmesh.animate_selected", "SHAPEKEY_DATA"), ("actionmesh.transfer_motion", "CON_ARMATURE")]
    target = active_mesh(context)
    if target is None or not target.select_get() or target == source_object(context):
        return [from_video, *onto_meshes]
    return [onto_meshes[0], from_video, onto_meshes[1]]


def _draw_source(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
    column = layout.column()
    column.prop(settings, "source")
    if settings.source == "VIDEO":
        row = column.row(align=True)
        row.prop(settings, "clip")
        row.operator("actionmesh.open_clip", text="", icon="FILEBROWSER")
    elif settings.source == "IMAGES":
        fields(column, settings, "images", "image_rate")
    elif settings.source == "TEXT":
        fields(column, settings, "prompt", "clip_picture", "video_model")
    else:
        fields(column, settings, "source_object", "source_facing")


def _draw_picture(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw the reference frame with the subject cut out, so that a bad outline shows before a long job starts."""
    settings, look = context.scene.actionmesh, panel_state.state.look
    if look is None or look.source != thumbnail.source_key(settings):
        if not chosen_clip.is_file(settings):
            return
        label = "Looking..." if panel_state.state.looking else "Look at Reference Frame"
        layout.operator("actionmesh.look", icon="HIDE_OFF", text=label)
        if look is not None and look.clip == thumbnail.clip_key(settings):
            _draw_clip(layout.column(align=True), look)
        return
    box = layout.box()
    box.template_icon(look.icon, scale=8.0)
    row = box.row()
    row.label(text=look.summary)
    if chosen_clip.is_file(settings):
        row.operator("actionmesh.look", text="", icon="FILE_REFRESH")
    _draw_clip(box.column(align=True), look)
    if look.warning:
        write(box, context, look.warning, icon="ERROR")


def _draw_clip(column: bpy.types.UILayout, look: thumbnail.Look) -> None:
    """Draw the clip's name, length and frame rate."""
    if look.length:
        column.label(text=Path(bpy.path.abspath(look.clip[1])).name)
        column.label(text=look.length)


def _draw_target(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw the settings of the selected meshes that receive the motion; each mesh has its own facing."""
    receivers, target = selected_meshes(context), context.active_object
    if not receivers:
        return
    column = layout.column()
    if target in receivers:
        row = column.row(align=True)
        row.prop(target.actionmesh, "facing")
        row.prop(context.window_manager.actionmesh, "show_facing", text="", icon="EMPTY_SINGLE_ARROW")
        subject_rows.draw_followed(column, context, target)
    column.prop(context.scene.actionmesh, "match")
    column.column(heading="Pose").prop(context.scene.actionmesh, "bend")
    column.column(heading="Colours").prop(context.scene.actionmesh, "colours", text="From the Clip")


class PartOfAnimate(SidebarPanel):
    bl_parent_id = "VIEW3D_PT_actionmesh_animate"


class VIEW3D_PT_actionmesh_frames(PartOfAnimate, bpy.types.Panel):
    bl_label = "Frames"
    bl_order = 1

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.actionmesh
        column = in_rows(self.layout).column()
        if settings.source == "TEXT":
            fields(column, settings, "frame_count", "in_betweens")
            return
        column.prop(settings, "fit_clip")
        chosen = column.column()
        chosen.active = not settings.fit_clip
        chosen.prop(settings, "scene_start" if settings.source == "OBJECT" else "first_frame")
        row = column.row(align=True)
        row.prop(settings, "frame_count")
        row.operator("actionmesh.fit_clip", text="", icon="ARROW_LEFTRIGHT")
        chosen = column.column()
        chosen.active = not settings.fit_clip
        chosen.prop(settings, "frame_step")
        fields(column, settings, "reference_frame", "in_betweens")


class VIEW3D_PT_actionmesh_quality(PartOfAnimate, bpy.types.Panel):
    bl_label = "Quality"
    bl_order = 2

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.actionmesh
        column = in_rows(self.layout).column()
        column.prop(settings, "preset")
        draw_hint(column, context)
        if chosen_clip.is_file(settings):
            column.prop(settings, "masks")


class VIEW3D_PT_actionmesh_placement(PartOfAnimate, bpy.types.Panel):
    bl_label = "Placement"
    bl_order = 3
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.actionmesh
        layout = in_rows(self.layout)
        column = layout.column()
        start = column.column()
        start.active = settings.source != "OBJECT"
        start.prop(settings, "start_at")
        column.prop(settings, "mode")
        column = layout.column()
        column.label(text="Selected Mesh")
        column.prop(settings, "reference_pose")
        column = layout.column()
        column.label(text="New Object")
        fields(column, settings, "smooth", "size")


class VIEW3D_PT_actionmesh_advanced(PartOfAnimate, bpy.types.Panel):
    bl_label = "Advanced"
    bl_order = 4
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.actionmesh
        layout = in_rows(self.layout)
        column = layout.column()
        row = column.row(align=True)
        row.prop(settings, "seed")
        row.operator("actionmesh.dice", text="", icon="FILE_REFRESH")
        fields(column, settings, "memory", "checkpoint")
        column = layout.column()
        column.label(text="New Object")
        fields(column, settings, "shape", "image_steps", "max_faces", "smallest_part")


class VIEW3D_PT_actionmesh_batch(PartOfAnimate, bpy.types.Panel):
    bl_label = "Batch"
    bl_order = 5
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        column = in_rows(self.layout).column()
        column.prop(context.scene.actionmesh, "batch_folder")
        column.operator("actionmesh.batch", icon="DUPLICATE")


CLASSES = (
    VIEW3D_PT_actionmesh_animate,
    VIEW3D_PT_actionmesh_frames,
    VIEW3D_PT_actionmesh_quality,
    VIEW3D_PT_actionmesh_placement,
    VIEW3D_PT_actionmesh_advanced,
    VIEW3D_PT_actionmesh_batch,
)
