"""Rows of the panel Animate that concern the clip's subject: pointing at it, tracking it, and what was found."""

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
    count = len(clip_picks.key_of(settings))
    row = layout.row(align=True)
    row.operator("actionmesh.pick_subject", icon=PICK_ICON, text=f"Pick Subject ({count})" if count else "Pick Subject")
    row.operator("actionmesh.track_subject", icon="TRACKING_FORWARDS", text="")
    if count:
        row.operator("actionmesh.clear_picks", icon="X", text="")
    strip = panel_state.state.strip
    if panel_state.state.tracking is not None:
        _draw_progress(layout.row(align=True), panel_state.state.tracking)
    elif strip is not None and strip.source == subject_strip.strip_key(settings):
        _draw_strip(layout.box(), context, strip)


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
