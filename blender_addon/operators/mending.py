"""The messages of the panel and of the status bar: do what one proposes, or hide it."""

import bpy

from .. import problems, shown
from .base import CANCELLED, FINISHED


class ACTIONMESH_OT_mend(bpy.types.Operator):
    """Do what the message proposes, so that the mesh can be animated"""

    bl_idname = "actionmesh.mend"
    bl_label = "Mend What Is Wrong"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if shown.state.problem is None or shown.state.problem.fix not in problems.FIXES:
            cls.poll_message_set("There is no message that Blender could mend")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        problem = shown.state.problem
        assert problem is not None and problem.fix is not None
        group, _, name = problem.fix.partition(".")
        try:
            getattr(getattr(bpy.ops, group), name)(**problem.arguments)
        except RuntimeError as error:
            self.report({"ERROR"}, str(error).removeprefix("Error: ").strip())
            return CANCELLED
        waiting = problem.finished
        shown.show(problems.Problem("The result can be written now.", finished=waiting) if waiting else None)
        return FINISHED


class ACTIONMESH_OT_dismiss(bpy.types.Operator):
    """Hide this message; the job stays in History"""

    bl_idname = "actionmesh.dismiss"
    bl_label = "Dismiss"

    def execute(self, context: bpy.types.Context) -> set[str]:
        shown.show(None)
        return FINISHED


class ACTIONMESH_OT_dismiss_end(bpy.types.Operator):
    """Hide how the last job ended; the job stays in History"""

    bl_idname = "actionmesh.dismiss_end"
    bl_label = "Dismiss"

    def execute(self, context: bpy.types.Context) -> set[str]:
        shown.show_end(None)
        return FINISHED


CLASSES = (ACTIONMESH_OT_mend, ACTIONMESH_OT_dismiss, ACTIONMESH_OT_dismiss_end)
