"""Panel "Progress": the job that runs and those that wait, right below the buttons, and only while there are jobs."""

import re

import bpy

from .. import shown
from ..jobs.events import Progressed
from ..jobs.record import State
from .base import SidebarPanel, time_left

PREFIX = re.compile(r"^(Stage [0I]+|Match): ")


class VIEW3D_PT_actionmesh_progress(SidebarPanel, bpy.types.Panel):
    bl_label = "Progress"
    bl_parent_id = "VIEW3D_PT_actionmesh_animate"
    bl_order = 0

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(shown.state.records)

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column()
        for number, job in enumerate(shown.state.records):
            if number:
                column.separator()
            row = column.row()
            row.label(text=job.title, icon="TIME" if job.state is State.WAITING else "NONE")
            row.operator("actionmesh.cancel", text="", icon="X").job = job.id
            if job.id in shown.state.progress:
                _draw_progress(column, shown.state.progress[job.id])
            elif number == 0:
                column.progress(text="Starting the backend", factor=0.0)


def _draw_progress(column: bpy.types.UILayout, progress: Progressed) -> None:
    column.progress(text=in_words(progress.stage), factor=progress.overall)
    row = column.row()
    row.label(text=f"Step {progress.step} of {progress.total}" if progress.total > 1 else "")
    right = row.row()
    right.alignment = "RIGHT"
    right.label(text=time_left(progress.seconds_left))


def in_words(stage: str) -> str:
    """What is done, without the stage's number in the paper or the part of the work that it belongs to."""
    done = PREFIX.sub("", stage)
    return done[:1].upper() + done[1:]


CLASSES = (VIEW3D_PT_actionmesh_progress,)
