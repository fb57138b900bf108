"""Panel "History": the jobs with their outcome, newest first."""

import time

import bpy

from ..jobs.record import JobRecord, State
from ..process.backend_locator import protocol
from ..session import job_list
from ..wording import write
from ..workflow.text_clip import title_of
from .sidebar import SidebarPanel

SHOWN = 12
ICONS = {
    State.WAITING: "TIME",
    State.PREPARING: "TIME",
    State.RUNNING: "PLAY",
    State.FINISHED: "IMPORT",
    State.WRITTEN: "CHECKMARK",
    State.FAILED: "ERROR",
    State.CANCELLED: "CANCEL",
    State.INTERRUPTED: "ERROR",
}


class VIEW3D_PT_actionmesh_history(SidebarPanel, bpy.types.Panel):
    bl_label = "History"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 4

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        view = context.window_manager.actionmesh
        layout.prop(view, "all_files")
        records = job_list.records(view.all_files)
        if not records:
            layout.label(text="No jobs yet")
        column = layout.column()
        for record in records[:SHOWN]:
            _draw_record(column, context, record)
        if len(records) > SHOWN:
            column.label(text=f"{len(records) - SHOWN} older jobs are in the job folder")
        if count := job_list.count_damaged():
            jobs = "A job is" if count == 1 else f"{count} jobs are"
            write(layout, context, f"{jobs} left out: the record in the job folder is damaged.", icon="ERROR")
        layout.operator("actionmesh.open_job_folder", icon="FILE_FOLDER").job = ""


def _draw_record(column: bpy.types.UILayout, context: bpy.types.Context, record: JobRecord) -> None:
    row = column.row(align=True)
    row.label(text=record.title, icon=ICONS[record.state])
    begun = row.row()
    begun.alignment, begun.active = "RIGHT", False
    begun.label(text=when(record.created))
    if record.has_result:
        row.operator("actionmesh.bring_back", text="", icon="LOOP_BACK").job = record.id
    if record.state in {State.FAILED, State.INTERRUPTED, State.CANCELLED}:
        row.operator("actionmesh.retry", text="", icon="FILE_REFRESH").job = record.id
    row.operator("actionmesh.open_job_folder", text="", icon="FILE_FOLDER").job = record.id
    row.operator("actionmesh.remove_job", text="", icon="TRASH").job = record.id
    if isinstance(record.request, protocol.Generate):
        write(column, context, f"Text: {title_of(record.request.prompt)}", icon="BLANK1")
    if record.error:
        write(column, context, record.error.problem, icon="BLANK1")
        if record.misfit_path:
            column.operator("actionmesh.show_misfit", icon="IMAGE_DATA").job = record.id
    if record.result.get("retried_for_memory"):
        write(column, context, f"Memory ran out; retried with the {record.result.get('plan')} GB plan", icon="BLANK1")


def when(created: float) -> str:
    """Return the time of day, or the date if it was another day."""
    then, now = time.localtime(created), time.localtime()
    return time.strftime("%H:%M" if then[:3] == now[:3] else "%d %b", then)


CLASSES = (VIEW3D_PT_actionmesh_history,)
