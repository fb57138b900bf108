"""Animate many meshes with many clips."""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722

from collections.abc import Generator

import bpy
from bpy.props import IntProperty, StringProperty

from ..session.runner import runner
from ..workflow.clip_batch import submit_batch
from .shared import InBackground, reporting, requires, selected_meshes, warn, why_no_mesh
from .sliced import Sliced


class ACTIONMESH_OT_batch(Sliced, InBackground, bpy.types.Operator):
    """Animate copies of the selected meshes with every clip of a folder, one job for each, in rows behind the meshes"""

    bl_idname = "actionmesh.batch"
    bl_label = "Animate with Every Clip"
    bl_options = {"UNDO"}

    directory: StringProperty(
        name="Clips",
        description="Folder of videos, or of one folder of pictures per clip. Leave empty to use the scene's setting",
        subtype="DIR_PATH",
        options={"SKIP_SAVE"},
    )
    seed: IntProperty(name="Seed", description="-1 uses the scene's setting", min=-1, default=-1, options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return requires(cls, bool(selected_meshes(context)), why_no_mesh(context))

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.queued = True
        return super().invoke(context, event)

    @reporting
    def execute(self, context: bpy.types.Context) -> set[str]:
        self.do_all(context)
        if not self.queued:
            runner.wait_for(self._jobs)
        return warn(self)

    def slices(self, context: bpy.types.Context) -> Generator[None, None, str]:
        folder = self.directory or context.scene.actionmesh.batch_folder
        seed = None if self.seed < 0 else self.seed
        meshes = selected_meshes(context)
        self._jobs = yield from submit_batch(context, meshes, folder, seed, waits=not self.queued)
        jobs, count = len(self._jobs), len(meshes)
        return f"Queued {jobs} job{'' if jobs == 1 else 's'} for {count} mesh{'' if count == 1 else 'es'}."


CLASSES = (ACTIONMESH_OT_batch,)
