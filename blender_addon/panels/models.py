"""Panel "Models": each set of models with its state, the running download, and what the chosen preset lacks."""

import bpy

from ..process.backend_locator import public
from ..session import model_sets
from ..wording import amount, time_left, write
from .sidebar import SidebarPanel
from .stage_words import in_words


class VIEW3D_PT_actionmesh_models(SidebarPanel, bpy.types.Panel):
    bl_label = "Models"
    bl_parent_id = "VIEW3D_PT_actionmesh_backend"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column()
        for each in public.SETS.values():
            _draw_set(column.row(), each)
        draw_running(column)
        if model_sets.outcome():
            write(column, context, model_sets.outcome(), icon="CHECKMARK")


def _draw_set(row: bpy.types.UILayout, each: public.ModelSet) -> None:
    if each.bundled:
        row.label(text=f"{each.title}: comes with the add-on", icon="CHECKMARK")
    elif not each.downloads:
        row.label(text=f"{each.title}: no models yet", icon="BLANK1")
    elif model_sets.is_complete(each.key):
        row.label(text=each.title, icon="CHECKMARK")
        row.operator("actionmesh.remove_models", text="", icon="TRASH").models = each.key
    else:
        row.label(text=f"{each.title}: {amount(each.estimated_bytes)}", icon="BLANK1")
        row.operator("actionmesh.download_models", text="", icon="IMPORT").models = each.key


def draw_hint(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw what the chosen preset lacks, and a button that downloads it or the progress of the download."""
    _offer(layout, context, model_sets.hint(context.scene.actionmesh), model_sets.MAIN)


def draw_video_hint(layout: bpy.types.UILayout, context: bpy.types.Context, from_picture: bool) -> None:
    """Draw which video model is missing, and a button that downloads it or the progress of the download."""
    _offer(layout, context, *model_sets.video_hint(context.scene.actionmesh, from_picture))


def _offer(layout: bpy.types.UILayout, context: bpy.types.Context, sentence: str, key: str) -> None:
    if sentence:
        write(layout, context, sentence, icon="INFO")
        if key and not draw_running(layout):
            layout.operator("actionmesh.download_models", text="Download", icon="IMPORT").models = key


def draw_running(layout: bpy.types.UILayout) -> bool:
    """Draw the running download in bytes with the time left; return whether there is one."""
    task = model_sets.running()
    if task is None:
        return False
    told = task.progress
    row = layout.row(align=True)
    if told is None or not told.total:
        row.progress(text="Contacting Hugging Face", factor=0.0)
    else:
        text = f"{in_words(told)}: {amount(told.step)} of {amount(told.total)}"
        row.progress(text=text, factor=told.step / told.total)
    row.operator("actionmesh.cancel_download", text="", icon="X")
    left = time_left(told.seconds_left) if told is not None else ""
    if left:
        layout.label(text=left)
    return True


CLASSES = (VIEW3D_PT_actionmesh_models,)
