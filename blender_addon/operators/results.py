"""Work with a result: bring it back, make another take, retry, go to its reference frame, fit the scene to it."""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722

import random

import bpy
from bpy.props import IntProperty, StringProperty

from ..jobs.record import JobRecord
from ..process.backend_locator import protocol
from ..scene.ranges import fit_range
from ..session import panel_state
from ..session.runner import runner
from ..workflow import animated_object, delivery, rerun
from .shared import FINISHED, OfAnimated, Queued, reporting


class ACTIONMESH_OT_bring_back(bpy.types.Operator):
    """Write this result into the scene again, onto its mesh if that is unchanged, otherwise as a new object"""

    bl_idname = "actionmesh.bring_back"
    bl_label = "Bring Back"
    bl_options = {"REGISTER", "UNDO"}

    job: StringProperty(name="Job", description="Which job's result", options={"SKIP_SAVE"})

    @reporting
    def execute(self, context: bpy.types.Context) -> set[str]:
        panel_state.show(None)
        delivery.bring_back(runner.record(self.job))
        return FINISHED


class Again(Queued):
    """An operator that queues a job like an earlier one."""

    job: StringProperty(
        name="Job", description="Which job. Leave empty to use the active object's", options={"SKIP_SAVE"}
    )

    def submit(self, context: bpy.types.Context) -> str:
        return rerun.run_again(context, self.record(context), self.changes(context))

    def record(self, context: bpy.types.Context) -> JobRecord:
        made = animated_object.animation_of(context.active_object)
        return runner.record(self.job or (made.job if made else ""))

    def changes(self, context: bpy.types.Context) -> dict:
        """Return the fields of the request that differ."""
        return {}


class ACTIONMESH_OT_rerun(Again, bpy.types.Operator):
    """Make another take with a new seed. Your own mesh gets new keys; an object made from video gets a sibling"""

    bl_idname = "actionmesh.rerun"
    bl_label = "Re-Run with Another Seed"

    seed: IntProperty(name="Seed", description="-1 picks a random seed", min=-1, default=-1, options={"SKIP_SAVE"})

    def submit(self, context: bpy.types.Context) -> str:
        return rerun.make_anew(context, self.record(context), self.changes(context))

    def changes(self, context: bpy.types.Context) -> dict:
        seed = self.seed if self.seed >= 0 else random.randrange(1, 100_000)
        return {"seed": seed, "in_betweens": context.scene.actionmesh.in_betweens}


class ACTIONMESH_OT_retry(Again, bpy.types.Operator):
    """Run the job again with the same settings"""

    bl_idname = "actionmesh.retry"
    bl_label = "Retry"


class ACTIONMESH_OT_retry_lighter(Again, bpy.types.Operator):
    """Run the job again with the smallest memory plan (6 GB) and without in-betweens"""

    bl_idname = "actionmesh.retry_lighter"
    bl_label = "Retry Lighter"

    def changes(self, context: bpy.types.Context) -> dict:
        return {"memory": protocol.Memory.GB_6, "in_betweens": 0}


class ACTIONMESH_OT_go_to_reference(OfAnimated, bpy.types.Operator):
    """Go to the frame at which the mesh has its rest pose"""

    bl_idname = "actionmesh.go_to_reference"
    bl_label = "Go to Reference Frame"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.frame_set(animated_object.reference_frame(context.active_object))
        return FINISHED


class ACTIONMESH_OT_fit_scene(OfAnimated, bpy.types.Operator):
    """Set the scene's frame range to the animation of the active mesh, so that it plays and renders as a loop"""

    bl_idname = "actionmesh.fit_scene"
    bl_label = "Fit Scene to Animation"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        start, end = fit_range(context.scene, *animated_object.whole_range(context.active_object))
        self.report({"INFO"}, f"The scene plays frames {start} to {end}.")
        return FINISHED


CLASSES = (
    ACTIONMESH_OT_bring_back,
    ACTIONMESH_OT_rerun,
    ACTIONMESH_OT_retry,
    ACTIONMESH_OT_retry_lighter,
    ACTIONMESH_OT_go_to_reference,
    ACTIONMESH_OT_fit_scene,
)
