"""The three ways to start a job: make a new object from a clip, animate the selected meshes, transfer a motion to them.

From a button, they queue a job and return at once. From a script (`EXEC_DEFAULT`), they return when the result is in
the scene.
"""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722

from typing import Any

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from ..session import panel_state
from ..session.runner import runner
from ..session.windows import is_our_tab
from ..workflow import chosen_clip, submission
from .shared import CANCELLED, FINISHED, InBackground, reporting, requires, selected_meshes, warn, why_no_mesh

FROM = {
    "VIDEO": "Animate from Video",
    "IMAGES": "Animate from Images",
    "OBJECT": "Animate from Object",
    "TEXT": "Animate from Text",
}


def label_of(idname: str, settings: bpy.types.PropertyGroup) -> dict[str, str]:
    """Return the keyword arguments that name the motion's source in a button's text."""
    return {"text": FROM.get(settings.source, FROM["VIDEO"])} if idname == "actionmesh.animate_from_video" else {}


class JobOperator(InBackground):
    """An operator that queues jobs. `filepath` and `seed`, if given, override the scene's settings."""

    filepath: StringProperty(
        name="Clip",
        description="Video file, folder of pictures, or pattern such as walk_*.png. "
        "Leave empty to use the scene's setting",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    seed: IntProperty(name="Seed", description="-1 uses the scene's setting", min=-1, default=-1, options={"SKIP_SAVE"})
    asks: BoolProperty(
        name="Ask", description="Ask for a clip even if one is already chosen", options={"HIDDEN", "SKIP_SAVE"}
    )
    filter_movie: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_image: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_folder: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    def targets(self, context: bpy.types.Context) -> list[bpy.types.Object | None]:
        """Return the meshes to animate, one job each; None stands for a new object."""
        return [None]

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.queued = True
        if not self.filepath and (self.asks or not chosen_clip.has_source(context.scene.actionmesh)):
            context.window_manager.fileselect_add(self)
            return {"RUNNING_MODAL"}
        return self.execute(context)

    @reporting
    def execute(self, context: bpy.types.Context) -> set[str]:
        panel_state.show(None)
        seed = None if self.seed < 0 else self.seed
        jobs = submission.submit(context, self.targets(context), self.filepath, seed, waits=not self.queued)
        if not self.queued:
            runner.wait_for(jobs)
        return warn(self)


class ACTIONMESH_OT_animate_from_video(JobOperator, bpy.types.Operator):
    """Make a new object at the 3D cursor that moves like the subject of the clip, or one for each you pointed at"""

    bl_idname = "actionmesh.animate_from_video"
    bl_label = "Animate from Video"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _source_is_named(cls, context)


class OnSelected(JobOperator):
    """Moves the selected meshes."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not selected_meshes(context):
            return requires(cls, False, why_no_mesh(context))
        return _source_is_named(cls, context)

    def targets(self, context: bpy.types.Context) -> list[bpy.types.Object | None]:
        return list(selected_meshes(context))


class ACTIONMESH_OT_animate_selected(OnSelected, bpy.types.Operator):
    """Move the selected meshes like the subject of the clip, with shape keys. Their UVs, materials and rigs stay"""

    bl_idname = "actionmesh.animate_selected"
    bl_label = "Animate Selected"


class ACTIONMESH_OT_transfer_motion(OnSelected, bpy.types.Operator):
    """Give each selected mesh in turn the motion of the clip or of the animated object"""

    bl_idname = "actionmesh.transfer_motion"
    bl_label = "Transfer Motion to Selected"


def _source_is_named(operator: Any, context: bpy.types.Context) -> bool:
    settings = context.scene.actionmesh
    if settings.source == "TEXT":
        return requires(operator, chosen_clip.has_source(settings), "Write what happens first")
    named = settings.source != "OBJECT" or settings.source_object is not None
    return requires(operator, named, "Choose the animated object first")


class ACTIONMESH_OT_cancel(bpy.types.Operator):
    """Stop the job without changing the scene. Waiting jobs continue"""

    bl_idname = "actionmesh.cancel"
    bl_label = "Cancel Job"

    job: StringProperty(name="Job", description="Which job. Leave empty to stop the running job", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return requires(cls, bool(panel_state.state.records), "No job is running")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Cancel the job; on Escape, only over our own tab and after asking.

        Escape also closes popups, so it is easily pressed once too often.
        """
        if event.type != "ESC":
            return self.execute(context)
        if not is_our_tab(context.region) or context.screen.is_animation_playing:
            return {"PASS_THROUGH"}
        title = panel_state.state.records[0].title
        words = {"title": "Stop the job?", "message": f"{title} is not done yet.", "confirm_text": "Stop Job"}
        return context.window_manager.invoke_confirm(self, event, **words)

    def execute(self, context: bpy.types.Context) -> set[str]:
        titles = {record.id: record.title for record in panel_state.state.records}
        job = self.job or next(iter(titles), "")
        if not runner.cancel(job):
            self.report({"WARNING"}, "The job is already over.")
            return CANCELLED
        self.report({"INFO"}, f"{titles.get(job, 'The job')} is being cancelled.")
        return FINISHED


CLASSES = (
    ACTIONMESH_OT_animate_from_video,
    ACTIONMESH_OT_animate_selected,
    ACTIONMESH_OT_transfer_motion,
    ACTIONMESH_OT_cancel,
)
