"""Show what the add-on does with a bundled mesh and clip."""

import bpy

from ..install.messages import Action
from ..session import installation
from ..session.choices import choices
from ..workflow import submission
from .install_backend import start_installer
from .shared import FINISHED, Queued, reporting, requires


class ACTIONMESH_OT_try_it(Queued, bpy.types.Operator):
    """Add a sample mesh, animate it from the sample clip, and play it. Offers to install the backend if needed"""

    bl_idname = "actionmesh.try_it"
    bl_label = "Try It"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return requires(cls, context.mode == "OBJECT", "Go to Object Mode first")

    @reporting
    def execute(self, context: bpy.types.Context) -> set[str]:
        if not self.queued or not installation.is_missing(choices().python):
            return super().execute(context)
        installation.state.sample_waits = True
        if not installation.is_running() and installation.state.planned is None:
            start_installer(Action.PLAN)
        return FINISHED

    def submit(self, context: bpy.types.Context) -> str:
        return submission.submit_sample(context)


CLASSES = (ACTIONMESH_OT_try_it,)
