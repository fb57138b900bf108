"""Panel "Progress", right below the buttons: the running job, the waiting jobs, and how the last one ended."""

import bpy

from ..jobs.events import Progressed
from ..jobs.record import JobRecord, State
from ..session import panel_state
from ..wording import amount, time_left
from .sidebar import SidebarPanel
from .stage_words import IN_BYTES, in_words

ENDS = {
    State.WRITTEN: ("Finished", "CHECKMARK"),
    State.FINISHED: ("Finished", "TIME"),
    State.CANCELLED: ("Cancelled", "CANCEL"),
    State.FAILED: ("Failed", "ERROR"),
}
PLAY, PAUSE = {"text": "Play", "icon": "PLAY"}, {"text": "Pause", "icon": "PAUSE"}


class VIEW3D_PT_actionmesh_progress(SidebarPanel, bpy.types.Panel):
    bl_label = "Progress"
    bl_parent_id = "VIEW3D_PT_actionmesh_animate"
    bl_order = 0

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(panel_state.state.records or panel_state.state.ended)

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column()
        if panel_state.state.ended is not None:
            row = column.row()
            label_end(row, panel_state.state.ended)
            row.operator("actionmesh.dismiss_end", text="", icon="X")
            offer_next(column.row(align=True), context, panel_state.state.ended)
        for number, job in enumerate(panel_state.state.records):
            if number or panel_state.state.ended is not None:
                column.separator()
            row = column.row()
            row.label(text=job.title, icon="TIME" if job.state is State.WAITING else "NONE")
            row.operator("actionmesh.cancel", text="", icon="X").job = job.id
            if job.id in panel_state.state.progress:
                _draw_progress(column, panel_state.state.progress[job.id])
            elif number == 0:
                column.progress(text="Starting the backend", factor=0.0)


def label_end(row: bpy.types.UILayout, job: JobRecord) -> None:
    """Draw how a job ended."""
    text, icon = ENDS.get(job.state, ENDS[State.FAILED])
    row.label(text=f"{job.title}: {text}", icon=icon)


def offer_next(row: bpy.types.UILayout, context: bpy.types.Context, job: JobRecord) -> None:
    """Draw what to do after a job ended: play its result, or retry."""
    if job.state is State.WRITTEN:
        row.operator("screen.animation_play", **(PAUSE if context.screen.is_animation_playing else PLAY))
        row.prop(context.scene, "use_preview_range", text="", icon="PREVIEW_RANGE")
    elif job.state is not State.FINISHED:
        row.operator("actionmesh.retry").job = job.id


def _draw_progress(column: bpy.types.UILayout, progress: Progressed) -> None:
    column.progress(text=in_words(progress.notice), factor=progress.overall)
    row, step, total = column.row(), progress.notice.step, progress.notice.total
    counted = f"{amount(step)} of {amount(total)}" if progress.notice.stage in IN_BYTES else f"Step {step} of {total}"
    row.label(text=counted if total > 1 else "")
    right = row.row()
    right.alignment = "RIGHT"
    right.label(text=time_left(progress.seconds_left))


CLASSES = (VIEW3D_PT_actionmesh_progress,)
