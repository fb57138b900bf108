"""Act on or dismiss the messages of the panel and of the status bar."""

import bpy

from ..errors import ArtistError
from ..scene.applied import apply_to_copy
from ..session import notices, panel_state, selection
from .shared import CANCELLED, FINISHED, refuse, requires, selected_meshes


class ACTIONMESH_OT_mend(bpy.types.Operator):
    """Fix the problem as the message proposes, so that the mesh can be animated"""

    bl_idname = "actionmesh.mend"
    bl_label = "Fix Problem"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        problem = panel_state.state.problem
        fixable = problem is not None and problem.fix in notices.FIXES
        return requires(cls, fixable, "There is no problem that Blender can fix")

    def execute(self, context: bpy.types.Context) -> set[str]:
        problem = panel_state.state.problem
        assert problem is not None and problem.fix is not None
        group, _, name = problem.fix.partition(".")
        try:
            getattr(getattr(bpy.ops, group), name)(**problem.arguments)
        except RuntimeError as error:
            self.report({"ERROR"}, str(error).removeprefix("Error: ").strip())
            return CANCELLED
        waiting = problem.finished
        panel_state.show(notices.Problem("The result can be written now.", finished=waiting) if waiting else None)
        return FINISHED


class ACTIONMESH_OT_apply_to_copy(bpy.types.Operator):
    """Copy each selected mesh with its modifiers and shape keys applied, and hide the original"""

    bl_idname = "actionmesh.apply_to_copy"
    bl_label = "Apply Modifiers to a Copy"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        ready = context.mode == "OBJECT" and bool(selected_meshes(context))
        return requires(cls, ready, "Select a mesh in Object Mode")

    def execute(self, context: bpy.types.Context) -> set[str]:
        made: list[bpy.types.Object] = []
        refused: list[ArtistError] = []
        for target in selected_meshes(context):
            try:
                made.append(apply_to_copy(target))
            except ArtistError as error:
                refused.append(error)
        if not made:
            return refuse(self, refused[0])
        for copy in made:
            selection.present(context, copy)
        for copy in made:
            copy.select_set(True)
        self.report({"INFO"}, f"{', '.join(copy.name for copy in made)}: copied with modifiers and shape keys applied")
        for refusal in refused:
            self.report({"WARNING"}, str(refusal))
        return FINISHED


class ACTIONMESH_OT_dismiss(bpy.types.Operator):
    """Hide this message; the job stays in History"""

    bl_idname = "actionmesh.dismiss"
    bl_label = "Dismiss"

    def execute(self, context: bpy.types.Context) -> set[str]:
        panel_state.show(None)
        return FINISHED


class ACTIONMESH_OT_dismiss_end(bpy.types.Operator):
    """Hide this message; the job stays in History"""

    bl_idname = "actionmesh.dismiss_end"
    bl_label = "Dismiss"

    def execute(self, context: bpy.types.Context) -> set[str]:
        panel_state.show_end(None)
        return FINISHED


CLASSES = (ACTIONMESH_OT_mend, ACTIONMESH_OT_apply_to_copy, ACTIONMESH_OT_dismiss, ACTIONMESH_OT_dismiss_end)
