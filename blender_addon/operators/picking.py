"""Point at the subjects of the clip, track them through all frames, and take both back."""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722, F821

import bpy
from bpy.props import IntProperty, StringProperty

from ..errors import ArtistError
from ..motion.pointing import Kind, Pick, parsed
from ..session import clip_picks, panel_state, picture_window, pointing_state
from ..session.clip_picks import MOST_SUBJECTS
from ..session.runner import runner
from ..workflow import chosen_clip, several_subjects, subject
from .pointing_window import PointingWindow
from .shared import FINISHED, InBackground, reporting, requires

FORMS = {Kind.POINT: "320,180", Kind.NOT_POINT: "320,180", Kind.BOX: "40,20,600,340"}
"""What a pick of each kind looks like as text."""


class OfSubject:
    """An operator on the subject of a clip whose masks are not given."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        settings = context.scene.actionmesh
        chosen = chosen_clip.is_file(settings) and chosen_clip.has_source(settings)
        return requires(cls, chosen, "Choose a clip first") and requires(
            cls, not settings.masks, "The chosen masks say what the subject is. Clear Masks (under Quality) first"
        )


class Tracking(OfSubject, InBackground):
    """An operator that tracks the subject: at once from a button, and for a script until that is done."""

    def track(self, context: bpy.types.Context) -> None:
        ticket = subject.track(context.scene)
        if not self.queued:
            runner.wait_for_look(ticket)


class ACTIONMESH_OT_pick_subject(PointingWindow, Tracking, bpy.types.Operator):
    """Open the frame in a window and point at the subject; Enter then tracks it through the clip"""

    bl_idname = "actionmesh.pick_subject"
    bl_label = "Pick Subject"
    bl_options = {"UNDO"}

    point: StringProperty(
        name="Points",
        description=f"Points of the subject, such as {FORMS[Kind.POINT]}, in pixels of the clip's own frames from "
        "their top left corner. Semicolons separate several. One outside of the reference frame begins with the number "
        f"of its frame, counted from 0, such as 12:{FORMS[Kind.POINT]}",
        options={"SKIP_SAVE"},
    )
    not_point: StringProperty(
        name="Not the Subject", description="Points that are not the subject, as Points", options={"SKIP_SAVE"}
    )
    box: StringProperty(
        name="Boxes",
        description=f"Boxes that hold the whole subject, such as {FORMS[Kind.BOX]}: left, top, right, bottom",
        options={"SKIP_SAVE"},
    )
    position: IntProperty(
        name="Frame",
        description="Which of the chosen frames to open, counted from 0. -1 is the reference frame",
        min=-1,
        default=-1,
        options={"SKIP_SAVE"},
    )

    subject: IntProperty(
        name="Subject",
        description="Which subject of the clip, counted from 1; the number after the last adds one. "
        "0 is the active one",
        min=0,
        max=MOST_SUBJECTS,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        here = pointing_state.current
        is_free = requires(cls, here is None or not here.is_open, "Pick Subject is already open")
        return is_free and super().poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        here = pointing_state.current
        if here is not None:
            return self.begin(context, here)
        named = bool(self.point or self.not_point or self.box)
        if context.window is not None and not named:
            return self.open(context)
        self.queued = self.queued or context.window is not None
        return self.execute(context)

    @reporting
    def open(self, context: bpy.types.Context) -> set[str]:
        """Open the window and go on in it; nothing has changed yet, so there is no undo step."""
        panel_state.show(None)
        number = several_subjects.numbered(context.scene.actionmesh, self.subject)
        subject.point(context.scene, None if self.position < 0 else self.position, number)
        try:
            with picture_window.opened():
                bpy.ops.actionmesh.pick_subject("INVOKE_DEFAULT")
        except BaseException:
            pointing_state.end()
            runner.drop_look()
            raise
        return {"INTERFACE"}

    @reporting
    def execute(self, context: bpy.types.Context) -> set[str]:
        panel_state.show(None)
        settings = context.scene.actionmesh
        number, was_active = several_subjects.numbered(settings, self.subject), settings.active_subject
        before = clip_picks.picks_of(settings, number)
        subject.keep_picks(context.scene, self._picks(), number)
        try:
            self.track(context)
        except ArtistError:
            clip_picks.keep(settings, before, number)
            settings.active_subject = was_active
            raise
        return FINISHED

    def _picks(self) -> tuple[Pick, ...]:
        picks: tuple[Pick, ...] = ()
        for kind, text in ((Kind.POINT, self.point), (Kind.NOT_POINT, self.not_point), (Kind.BOX, self.box)):
            try:
                picks += parsed(kind, text)
            except ValueError as error:
                raise ArtistError(f"{text} names no place in a frame.", f"Write it like {FORMS[kind]}.") from error
        if not picks:
            raise ArtistError("Nothing was pointed at.", f"Name a point of the subject, such as {FORMS[Kind.POINT]}.")
        return picks


class ACTIONMESH_OT_track_subject(Tracking, bpy.types.Operator):
    """Find the subject in all chosen frames and show six of them. The next job uses the same outlines"""

    bl_idname = "actionmesh.track_subject"
    bl_label = "Track Subject"

    @reporting
    def execute(self, context: bpy.types.Context) -> set[str]:
        panel_state.show(None)
        self.track(context)
        return FINISHED


class ACTIONMESH_OT_cancel_tracking(bpy.types.Operator):
    """Stop tracking the subject. What you pointed at stays"""

    bl_idname = "actionmesh.cancel_tracking"
    bl_label = "Cancel Tracking"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return requires(cls, panel_state.state.tracking is not None, "No subject is being tracked")

    def execute(self, context: bpy.types.Context) -> set[str]:
        runner.drop_look()
        return FINISHED


class ACTIONMESH_OT_clear_picks(bpy.types.Operator):
    """Forget what you pointed at of the active subject, so that it is found automatically"""

    bl_idname = "actionmesh.clear_picks"
    bl_label = "Clear Picks"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return requires(cls, bool(clip_picks.key_of(context.scene.actionmesh)), "Nothing was pointed at")

    def execute(self, context: bpy.types.Context) -> set[str]:
        clip_picks.keep(context.scene.actionmesh, ())
        subject.look_again(context.scene.name)
        return FINISHED


CLASSES = (
    ACTIONMESH_OT_pick_subject,
    ACTIONMESH_OT_track_subject,
    ACTIONMESH_OT_cancel_tracking,
    ACTIONMESH_OT_clear_picks,
)
