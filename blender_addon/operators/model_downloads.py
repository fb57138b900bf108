"""Download a set of the networks' weights once its licences are accepted, cancel the download, or remove a set."""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722, F821

import bpy
from bpy.props import BoolProperty, EnumProperty

from ..errors import ArtistError
from ..process.backend_locator import public
from ..session import model_sets, panel_state
from ..wording import amount
from .shared import FINISHED, InBackground, refuse, reporting, requires

ACCEPTS = {
    "TripoSG": "accept_triposg",
    "ActionMesh": "accept_actionmesh",
    "RMBG-1.4": "accept_rmbg",
    "Wan2.2-TI2V-5B-Diffusers": "accept_wan_5b",
    "Wan2.1-T2V-1.3B-Diffusers": "accept_wan_small",
    "CogVideoX-2b": "accept_cogvideox",
    "sam2.1-hiera-tiny": "accept_sam_tiny",
    "sam2.1-hiera-large": "accept_sam_large",
    "EdgeTAM-hf": "accept_edgetam",
}
"""The property that accepts each model's licence."""
CHOICES = tuple((each.key, each.title, each.enables.capitalize()) for each in public.SETS.values() if each.downloads)
WIDTH = 460


def _accept(name: str) -> BoolProperty:
    return BoolProperty(name="I accept", description=f"Accept the licence of {name}", options={"SKIP_SAVE"})


class OfModels(InBackground):
    """An operator on a set of models."""

    models: EnumProperty(name="Models", description="Which models", items=CHOICES, options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return requires(cls, model_sets.running() is None, "A download is running")

    @reporting
    def execute(self, context: bpy.types.Context) -> set[str]:
        panel_state.show(None)
        self.begin()
        if not self.queued:
            model_sets.wait()
        return FINISHED

    def begin(self) -> None:
        """Start the work; raise ArtistError if it cannot start."""
        raise NotImplementedError


class ACTIONMESH_OT_download_models(OfModels, bpy.types.Operator):
    """Download models once you accept their licences. You can keep working. An interrupted download resumes later"""

    bl_idname = "actionmesh.download_models"
    bl_label = "Download Models"

    half: BoolProperty(
        name="Half-Precision Copies",
        description="Also make half-precision copies, about half as large, in a folder of their own",
        options={"SKIP_SAVE"},
    )
    accept_triposg: _accept("TripoSG")
    accept_actionmesh: _accept("ActionMesh")
    accept_rmbg: _accept("RMBG-1.4")
    accept_wan_5b: _accept("Wan 2.2 TI2V 5B")
    accept_wan_small: _accept("Wan 2.1 T2V 1.3B")
    accept_cogvideox: _accept("CogVideoX 2B")
    accept_sam_tiny: _accept("SAM 2.1 tiny")
    accept_sam_large: _accept("SAM 2.1 large")
    accept_edgetam: _accept("EdgeTAM")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        try:
            model_sets.check_online()
        except ArtistError as error:
            return refuse(self, error)
        self.queued = True
        return context.window_manager.invoke_props_dialog(self, width=WIDTH, confirm_text="Download")

    def draw(self, context: bpy.types.Context) -> None:
        """Draw each model with its size, licence and consent; licences without commercial use in red."""
        chosen = public.SETS[self.models]
        self.layout.label(text=f"Into {model_sets.folder()}", icon="FILE_FOLDER")
        for each in chosen.downloads:
            self._draw_model(each)
        if chosen.key == model_sets.MAIN:
            self.layout.prop(self, "half")

    def _draw_model(self, each: public.Download) -> None:
        box = self.layout.box()
        box.label(text=f"{each.name}: about {amount(each.estimated_bytes)} (estimate)")
        box.label(text=each.enables.capitalize())
        row = box.row()
        row.alert = not each.licence.commercial
        use = "commercial use too" if each.licence.commercial else "no commercial use"
        row.label(text=f"{each.licence.name}: {use}", icon="NONE" if each.licence.commercial else "ERROR")
        row = box.row()
        row.operator("wm.url_open", text="Read the Licence", icon="URL").url = each.licence_link
        row.prop(self, ACCEPTS[each.name])

    def begin(self) -> None:
        accepted = tuple(name for name, accepts in ACCEPTS.items() if getattr(self, accepts))
        model_sets.download(self.models, accepted, self.half and self.models == model_sets.MAIN)


class ACTIONMESH_OT_remove_models(OfModels, bpy.types.Operator):
    """Delete the downloaded files of a set. Files that you put there yourself stay"""

    bl_idname = "actionmesh.remove_models"
    bl_label = "Remove Models"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.queued = True
        size, title = amount(model_sets.size_on_disk(self.models)), public.SETS[self.models].title
        return context.window_manager.invoke_confirm(
            self, event, title=f"Remove {title}?", message=f"{size} in {model_sets.folder()}", confirm_text="Remove"
        )

    def begin(self) -> None:
        model_sets.remove(self.models)


class ACTIONMESH_OT_cancel_download(bpy.types.Operator):
    """Cancel the download. Received data is kept, and the next download continues from there"""

    bl_idname = "actionmesh.cancel_download"
    bl_label = "Cancel Download"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return requires(cls, model_sets.running() is not None, "No download is running")

    def execute(self, context: bpy.types.Context) -> set[str]:
        model_sets.cancel()
        return FINISHED


CLASSES = (ACTIONMESH_OT_download_models, ACTIONMESH_OT_remove_models, ACTIONMESH_OT_cancel_download)
