"""Rows of the panel Animate that concern the clip's subjects: pointing at them, tracking them, and what was found."""

import bpy

from ..session import clip_picks, panel_state, subject_strip
from ..session.subject_strip import Strip
from ..wording import time_left, write
from ..workflow import chosen_clip
from .stage_words import in_words

PICK_ICON = "RESTRICT_SELECT_OFF"
ACROSS = 3
"""Pictures beside each other."""


def draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    settings = context.scene.actionmesh
    if not (chosen_clip.is_file(settings) and chosen_clip.has_source(settings)):
        return
    are_several = clip_picks.subject_count(settings) > 1
    if are_several:
        _draw_subjects(layout.row(align=True), settings)
    count = len(clip_picks.key_of(settings))
    row = layout.row(align=True)
    title = f"Pick Subject {clip_picks.active(settings) + 1}" if are_several else "Pick Subject"
    row.operator("actionmesh.pick_subject", icon=PICK_ICON, text=f"{title} ({count})" if count else title)
    row.operator("actionmesh.track_subject", icon="TRACKING_FORWARDS", text="")
    if not are_several:
        if count:
            row.operator("actionmesh.clear_picks", icon="X", text="")
        row.operator("actionmesh.add_subject", icon="ADD", text="")
    strip = subject_strip.current(panel_state.state.strips, settings)
    if panel_state.state.tracking is not None:
        _draw_progress(layout.row(align=True), panel_state.state.tracking)
    elif strip is not None:
        _draw_strip(layout.box(), context, strip)


def draw_followed(layout: bpy.types.UILayout, context: bpy.types.Context, target: bpy.types.Object) -> None:
    """Draw which of the clip's subjects a mesh follows, if it has several."""
    count = clip_picks.subject_count(context.scene.actionmesh)
    if count > 1:
        split = layout.split(factor=0.4)
        split.use_property_split = False  # it would put a label before each button
        left, buttons = split.row(), split.row(align=True)
        left.alignment = "RIGHT"
        left.label(text="Subject")
        for name in ("ACTIVE", *map(str, range(1, count + 1))):
            buttons.prop_enum(target.actionmesh, "subject", name)


def _draw_subjects(row: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
    """Draw a button for each subject, and those that remove the active one and add another."""
    for subject in range(clip_picks.subject_count(settings)):
        is_active = subject == clip_picks.active(settings)
        row.operator("actionmesh.choose_subject", text=str(subject + 1), depress=is_active).subject = subject + 1
    row.operator("actionmesh.remove_subject", icon="X", text="")
    row.operator("actionmesh.add_subject", icon="ADD", text="")


def _draw_progress(row: bpy.types.UILayout, tracking: panel_state.Tracking) -> None:
    notice = tracking.notice
    if notice is None:
        waits_for = "the running job" if panel_state.state.records else "the backend"
        row.progress(text=f"Waiting for {waits_for}", factor=0.0)
    else:
        words = " ".join(filter(None, (in_words(notice), time_left(notice.seconds_left))))
        row.progress(text=words, factor=notice.step / max(notice.total, 1))
    row.operator("actionmesh.cancel_tracking", icon="X", text="")


def _draw_strip(box: bpy.types.UILayout, context: bpy.types.Context, strip: Strip) -> None:
    """Draw the frames with the subject cut out, each with a button that opens it to be pointed into."""
    for start in range(0, len(strip.shown), ACROSS):
        row = box.row(align=True)
        for shown in strip.shown[start : start + ACROSS]:
            column = row.column(align=True)
            column.template_icon(shown.icon, scale=4.0)
            button = column.operator("actionmesh.pick_subject", text=f"Frame {shown.frame + 1}")
            button.position = shown.position
    if strip.warning:
        write(box, context, strip.warning, icon="ERROR")
