"""The list of a clip's subjects: choose one, add one, remove one."""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722, F821

import bpy
from bpy.props import IntProperty

from ..session import clip_picks, panel_state, pointing_state
from ..session.clip_picks import MOST_SUBJECTS
from ..workflow import several_subjects, subject
from .picking import OfSubject
from .shared import FINISHED, reporting, requires


class OfSeveral(OfSubject):
    """An operator on the list of the clip's subjects."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        is_free = requires(cls, pointing_state.current is None, "Leave Pick Subject first")
        return is_free and super().poll(context)

    def show(self, context: bpy.types.Context) -> set[str]:
        """Show the active subject, unless one is being tracked: a look would end that."""
        if panel_state.state.tracking is None:
            subject.look_again(context.scene.name)
        return FINISHED


class ACTIONMESH_OT_choose_subject(OfSeveral, bpy.types.Operator):
    """Make this subject of the clip the active one: Pick Subject and the frames shown here are about it"""

    bl_idname = "actionmesh.choose_subject"
    bl_label = "Choose Subject"
    bl_options = {"REGISTER", "UNDO"}

    subject: IntProperty(
        name="Subject", description="Which subject of the clip, counted from 1", min=1, max=MOST_SUBJECTS, default=1
    )

    @reporting
    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.actionmesh
        settings.active_subject = several_subjects.numbered(settings, self.subject)
        return self.show(context)


class ACTIONMESH_OT_add_subject(OfSeveral, bpy.types.Operator):
    """Add another subject of the clip to point at. Each becomes an object of its own, or moves a mesh of its own"""

    bl_idname = "actionmesh.add_subject"
    bl_label = "Add Subject"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        why_not = several_subjects.why_none_more(context.scene.actionmesh)
        return super().poll(context) and requires(cls, not why_not, why_not)

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.actionmesh
        settings.active_subject = clip_picks.next_subject(settings)
        return self.show(context)


class ACTIONMESH_OT_remove_subject(OfSeveral, bpy.types.Operator):
    """Remove the active subject and what you pointed at of it. The subjects after it move up by one number"""

    bl_idname = "actionmesh.remove_subject"
    bl_label = "Remove Subject"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        are_several = clip_picks.subject_count(context.scene.actionmesh) > 1
        return super().poll(context) and requires(cls, are_several, "The clip has just one subject")

    def execute(self, context: bpy.types.Context) -> set[str]:
        several_subjects.remove(context.scene)
        return self.show(context)


CLASSES = (ACTIONMESH_OT_choose_subject, ACTIONMESH_OT_add_subject, ACTIONMESH_OT_remove_subject)
