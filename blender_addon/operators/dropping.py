"""Handle a video dropped onto a 3D viewport: make it the source of the motion and let the artist choose what to do.

Blender's menu shows the labels of the operators, so the labels name the add-on.
"""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722

import bpy
from bpy.props import StringProperty

from ..workflow import chosen_clip
from .shared import FINISHED

MOVIES = ".mp4;.mov;.avi;.mkv;.webm;.m4v;.gif"


class Dropped:
    """Choose the clip, then call another operator with it. Each is an undo step of its own."""

    bl_options = {"UNDO"}
    way = ""
    """The operator to call with the clip; if empty, the clip is only chosen."""

    filepath: StringProperty(name="Clip", description="Video file", subtype="FILE_PATH", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return not cls.way or getattr(bpy.ops.actionmesh, cls.way).poll()

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return self.take(context, "INVOKE_DEFAULT")

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self.take(context, "EXEC_DEFAULT")

    def take(self, context: bpy.types.Context, call: str) -> set[str]:
        """Choose the clip and call the operator named by `way`."""
        relative = context.preferences.filepaths.use_relative_paths
        chosen_clip.choose_clip(context.scene.actionmesh, self.filepath, relative)
        if self.way:
            try:
                getattr(bpy.ops.actionmesh, self.way)(call)
            except RuntimeError as error:
                self.report({"ERROR"}, str(error).removeprefix("Error: ").strip())  # type: ignore[attr-defined]
        return FINISHED


class ACTIONMESH_OT_drop_on_selected(Dropped, bpy.types.Operator):
    """Move the selected meshes like the subject of the dropped clip"""

    bl_idname = "actionmesh.drop_on_selected"
    bl_label = "ActionMesh: Animate Selected"
    way = "animate_selected"


class ACTIONMESH_OT_drop_as_new(Dropped, bpy.types.Operator):
    """Make a new object that moves like the subject of the dropped clip"""

    bl_idname = "actionmesh.drop_as_new"
    bl_label = "ActionMesh: Animate from Video"
    way = "animate_from_video"


class ACTIONMESH_OT_drop_on_all(Dropped, bpy.types.Operator):
    """Move each selected mesh in turn like the subject of the dropped clip"""

    bl_idname = "actionmesh.drop_on_all"
    bl_label = "ActionMesh: Transfer Motion to Selected"
    way = "transfer_motion"


class ACTIONMESH_OT_drop_clip(Dropped, bpy.types.Operator):
    """Choose the dropped clip as the source of the motion and look at its reference frame"""

    bl_idname = "actionmesh.drop_clip"
    bl_label = "ActionMesh: Choose This Clip"


class Handler:
    bl_file_extensions = MOVIES

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"


class ACTIONMESH_FH_on_selected(Handler, bpy.types.FileHandler):
    bl_idname = "ACTIONMESH_FH_on_selected"
    bl_label = ACTIONMESH_OT_drop_on_selected.bl_label
    bl_import_operator = ACTIONMESH_OT_drop_on_selected.bl_idname


class ACTIONMESH_FH_as_new(Handler, bpy.types.FileHandler):
    bl_idname = "ACTIONMESH_FH_as_new"
    bl_label = ACTIONMESH_OT_drop_as_new.bl_label
    bl_import_operator = ACTIONMESH_OT_drop_as_new.bl_idname


class ACTIONMESH_FH_on_all(Handler, bpy.types.FileHandler):
    bl_idname = "ACTIONMESH_FH_on_all"
    bl_label = ACTIONMESH_OT_drop_on_all.bl_label
    bl_import_operator = ACTIONMESH_OT_drop_on_all.bl_idname


class ACTIONMESH_FH_clip(Handler, bpy.types.FileHandler):
    bl_idname = "ACTIONMESH_FH_clip"
    bl_label = ACTIONMESH_OT_drop_clip.bl_label
    bl_import_operator = ACTIONMESH_OT_drop_clip.bl_idname


CLASSES = (
    ACTIONMESH_OT_drop_on_selected,
    ACTIONMESH_OT_drop_as_new,
    ACTIONMESH_OT_drop_on_all,
    ACTIONMESH_OT_drop_clip,
    ACTIONMESH_FH_on_selected,
    ACTIONMESH_FH_as_new,
    ACTIONMESH_FH_on_all,
    ACTIONMESH_FH_clip,
)
