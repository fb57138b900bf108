"""The status bar: the progress of the job, visible in every workspace, and for a while how it ended."""

import time

import bpy

from ..session import panel_state
from .progress import label_end, offer_next
from .stage_words import in_words

SHOWN_SECONDS = 30
WIDTH = 12
"""Width of the bar, in widget units."""


def draw(header: bpy.types.Header, context: bpy.types.Context) -> None:
    """Draw into Blender's own status bar."""
    state, layout = panel_state.state, header.layout
    if state.records:
        job = state.records[0]
        told = state.progress.get(job.id)
        row = layout.row(align=True)
        bar = row.row()
        bar.ui_units_x = WIDTH
        stage = in_words(told.notice) if told else "Starting"
        bar.progress(text=f"{job.title}: {stage}", factor=told.overall if told else 0.0)
        row.operator("actionmesh.cancel", text="", icon="X").job = job.id
    elif state.ended is not None and time.monotonic() - state.ended_at < SHOWN_SECONDS:
        row = layout.row(align=True)
        label_end(row, state.ended)
        offer_next(row, context, state.ended)
        row.operator("actionmesh.dismiss_end", text="", icon="X")


def attach() -> None:
    bpy.types.STATUSBAR_HT_header.append(draw)


def detach() -> None:
    bpy.types.STATUSBAR_HT_header.remove(draw)
