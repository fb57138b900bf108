"""The first minute: what the add-on does, shown with a mesh and a clip of its own."""

import bpy

from .. import submission
from .base import Queued


class ACTIONMESH_OT_try_it(Queued, bpy.types.Operator):
    """Add a sample mesh, let it move as the sample clip does, and play it"""

    bl_idname = "actionmesh.try_it"
    bl_label = "Try It"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.mode != "OBJECT":
            cls.poll_message_set("Go to Object Mode first")
            return False
        return True

    def submit(self, context: bpy.types.Context) -> str:
        return submission.submit_sample(context)


CLASSES = (ACTIONMESH_OT_try_it,)
