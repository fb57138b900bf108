"""Panel "Backend": the state of the backend, its devices and their memory."""

import bpy

from ..jobs.events import WorkerState
from ..session import machine_facts, panel_state
from ..session.choices import choices
from ..wording import in_rows, write
from . import setup_box
from .sidebar import SidebarPanel

STATES = {
    WorkerState.NOT_FOUND: ("Not Found", "ERROR"),
    WorkerState.STOPPED: ("Stopped", "SNAP_FACE"),
    WorkerState.STARTING: ("Starting", "TIME"),
    WorkerState.READY: ("Ready", "CHECKMARK"),
    WorkerState.BUSY: ("Busy", "PLAY"),
}


class VIEW3D_PT_actionmesh_backend(SidebarPanel, bpy.types.Panel):
    bl_label = "Backend"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 5

    def draw(self, context: bpy.types.Context) -> None:
        layout = in_rows(self.layout)
        (text, icon), computer = STATES[panel_state.state.worker], choices().computer
        if panel_state.state.worker in (WorkerState.NOT_FOUND, WorkerState.STOPPED):
            host = computer.host if computer else ""
        else:
            host = panel_state.state.host
        layout.label(text=f"{text} on {host}" if host else text, icon=icon)
        column = layout.column(align=True)
        for line in machine_facts.facts(context.scene.actionmesh.checkpoint):
            write(column, context, line)
        if computer is None:
            setup_box.draw(layout, context, choices().python)
        else:
            layout.operator("actionmesh.test_connection", icon="FILE_REFRESH")
            setup_box.draw_connection(layout.column(), context)
        row = layout.row(align=True)
        row.operator("actionmesh.start_backend", icon="PLAY")
        row.operator("actionmesh.stop_backend", icon="SNAP_FACE")
        column = layout.column()
        column.operator("actionmesh.free_memory", icon="MEMORY")
        column.operator("actionmesh.open_log", icon="TEXT")
        column.operator("actionmesh.open_preferences", icon="PREFERENCES")


CLASSES = (VIEW3D_PT_actionmesh_backend,)
