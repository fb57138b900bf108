"""Choose the clip and the part of it to use: browse, look, fit to its length, pick a random seed."""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722

import random

import bpy
from bpy.props import BoolProperty, StringProperty

from ..session import panel_state
from ..session.runner import runner
from ..workflow import chosen_clip, chosen_frames, subject
from .shared import FINISHED, InBackground, reporting, requires


class ACTIONMESH_OT_open_clip(bpy.types.Operator):
    """Choose a video as the source of the motion and look at its reference frame"""

    bl_idname = "actionmesh.open_clip"
    bl_label = "Choose a Clip"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(name="Clip", description="Video file", subtype="FILE_PATH", options={"SKIP_SAVE"})
    relative_path: BoolProperty(
        name="Relative Path", description="Store the path relative to the .blend file", options={"SKIP_SAVE"}
    )
    filter_movie: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_folder: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if self.filepath:
            return self.execute(context)
        self.filepath = chosen_clip.video_path(context.scene.actionmesh)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        chosen_clip.choose_clip(context.scene.actionmesh, self.filepath, self.relative_path)
        return FINISHED


class ACTIONMESH_OT_look(InBackground, bpy.types.Operator):
    """Show the reference frame with its subject cut out. Anything missing here will be missing in the result"""

    bl_idname = "actionmesh.look"
    bl_label = "Look at Reference Frame"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        settings = context.scene.actionmesh
        return requires(cls, chosen_clip.is_file(settings) and chosen_clip.has_source(settings), "Choose a clip first")

    @reporting
    def execute(self, context: bpy.types.Context) -> set[str]:
        panel_state.show(None)
        ticket = subject.look(context.scene)
        if not self.queued:
            runner.wait_for_look(ticket)
        return FINISHED


class ACTIONMESH_OT_fit_clip(bpy.types.Operator):
    """Set the first frame and step so that the frames cover the whole clip, or the object's motion, in equal steps"""

    bl_idname = "actionmesh.fit_clip"
    bl_label = "Fit Whole Clip"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        known = chosen_frames.length(context.scene) is not None
        return requires(cls, known, "Look at the reference frame first to find out how long the clip is")

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        chosen_frames.fit(scene.actionmesh, chosen_frames.first_frame(scene), chosen_frames.length(scene) or 2)
        return FINISHED


class ACTIONMESH_OT_dice(bpy.types.Operator):
    """Pick a random seed, so that the next result is a different take of the same clip"""

    bl_idname = "actionmesh.dice"
    bl_label = "Random Seed"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.actionmesh.seed = random.randrange(1, 100_000)
        return FINISHED


CLASSES = (ACTIONMESH_OT_open_clip, ACTIONMESH_OT_look, ACTIONMESH_OT_fit_clip, ACTIONMESH_OT_dice)
