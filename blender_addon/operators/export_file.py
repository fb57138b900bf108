"""Export files for other programs, with the settings that preserve the animation."""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722

from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ..file_names import safe_name
from ..scene.exporters import ENDINGS, ExportOptions, Format
from ..scene.exporting import export
from ..session import panel_state
from .shared import CANCELLED, FINISHED, reporting, requires

FORMATS = (
    ("GLB", "GLB", "glTF in one file, for games, the web and most programs. Stores the animation as morph targets"),
    ("FBX", "FBX", "For Unity, Unreal and Maya. Stores the animation as blend shapes"),
    ("ALEMBIC", "Alembic", "A cache of the vertices of every frame. Exact and large, without shape keys"),
    ("USD", "USD", "For pipelines and Omniverse. Stores the animation as blend shapes"),
)


class ACTIONMESH_OT_export(bpy.types.Operator):
    """Export the selected objects with their animation to a file. Absolute keys are exported as relative keys"""

    bl_idname = "actionmesh.export"
    bl_label = "Export Animation"

    filepath: StringProperty(name="File", description="File to write", subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default="*.glb;*.fbx;*.abc;*.usd;*.usdc;*.usda", options={"HIDDEN"})
    check_existing: BoolProperty(default=True, options={"HIDDEN"})
    format: EnumProperty(name="Format", description="File format", items=FORMATS)
    compress: BoolProperty(
        name="Compress",
        description="Compress the base mesh with Draco. The file gets smaller, and vertices move by less than a "
        "thousandth of the size",
    )
    whole_scene: BoolProperty(
        name="Scene Range",
        description="Export the whole frame range of the scene. Turn off to export only the frames of the animation",
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return requires(cls, bool(context.selected_objects), "Select what to export")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        name = context.active_object.name if context.active_object else "animation"
        folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
        self.filepath = str(folder / (safe_name(name, "animation") + ENDINGS[Format(self.format)][0]))
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, _context: bpy.types.Context) -> bool:
        """Keep the file name extension in step with the format."""
        named = bpy.path.ensure_ext(str(Path(self.filepath).with_suffix("")), ENDINGS[Format(self.format)][0])
        changed, self.filepath = named != self.filepath, named
        return changed

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "format")
        layout.prop(self, "whole_scene")
        if self.format == Format.GLB:
            layout.prop(self, "compress")

    @reporting
    def execute(self, context: bpy.types.Context) -> set[str]:
        if not self.filepath:
            self.report({"ERROR"}, "No file name was given. Set filepath.")
            return CANCELLED
        panel_state.show(None)
        chosen = ExportOptions(Format(self.format), compress=self.compress, whole_scene=self.whole_scene)
        exported = export(context.scene, context.selected_objects, self.filepath, chosen)
        for note in exported.notes:
            self.report({"WARNING"}, note)
        self.report(
            {"INFO"}, f"{exported.path.name}: frames {exported.start} to {exported.end}, {exported.size / 1e6:.1f} MB"
        )
        return FINISHED


CLASSES = (ACTIONMESH_OT_export,)
