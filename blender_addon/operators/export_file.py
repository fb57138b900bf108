"""Export files for other programs, with the settings that preserve the animation."""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722

from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty

from ..file_names import safe_name
from ..scene import engines
from ..scene.engines import Engine
from ..scene.exporters import ENDINGS, ExportOptions, Format
from ..scene.exporting import export
from ..session import panel_state
from ..wording import fields, in_rows
from .shared import CANCELLED, FINISHED, reporting, requires

FORMATS = (
    ("GLB", "GLB", "glTF in one file, for games, the web and most programs. Stores the animation as morph targets"),
    ("FBX", "FBX", "For Unity, Unreal and Maya. Stores the animation as blend shapes"),
    ("ALEMBIC", "Alembic", "A cache of the vertices of every frame. Exact and large, without shape keys"),
    ("USD", "USD", "For pipelines and Omniverse. Stores the animation as blend shapes"),
)
ENGINES = (
    ("ANY", "Any Program", "Blender's usual unit and axes"),
    ("UNITY", "Unity", "FBX in metres, Y up, facing Z, without scale or rotation left on the objects"),
    ("UNREAL", "Unreal", "FBX in centimetres, Z up, facing X"),
    ("GODOT", "Godot", "GLB that Godot reads: neither quantised nor compressed"),
    ("THREE", "three.js", "GLB for the web. A compressed file needs its DRACOLoader"),
)


def _follow_engine(operator: "ACTIONMESH_OT_export", _context: bpy.types.Context) -> None:
    operator.format = engines.FORMATS.get(Engine(operator.engine), operator.format)


class ACTIONMESH_OT_export(bpy.types.Operator):
    """Export the selected objects with their animation to a file. Absolute keys are exported as relative keys"""

    bl_idname = "actionmesh.export"
    bl_label = "Export Animation"

    filepath: StringProperty(name="File", description="File to write", subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default="*.glb;*.fbx;*.abc;*.usd;*.usdc;*.usda", options={"HIDDEN"})
    check_existing: BoolProperty(default=True, options={"HIDDEN"})
    format: EnumProperty(name="Format", description="File format", items=FORMATS)
    engine: EnumProperty(
        name="For", description="The engine whose unit and axes are used", items=ENGINES, update=_follow_engine
    )
    quantise: BoolProperty(
        name="Quantise",
        description="Store the shape keys with 8 or 16 bits, and only where they move: half the size or less",
    )
    error: FloatProperty(
        name="Error",
        description="Greatest distance of any vertex from its place, in percent of the mesh's size",
        min=0.001,
        max=10.0,
        default=0.05,
        precision=3,
        subtype="PERCENTAGE",
    )
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
        layout = in_rows(self.layout)
        fields(layout, self, "format", "engine", "whole_scene")
        if self.format == Format.GLB:
            fields(layout, self, "compress", "quantise")
            row = layout.row()
            row.active = self.quantise
            row.prop(self, "error")

    @reporting
    def execute(self, context: bpy.types.Context) -> set[str]:
        if not self.filepath:
            self.report({"ERROR"}, "No file name was given. Set filepath.")
            return CANCELLED
        panel_state.show(None)
        chosen = ExportOptions(
            Format(self.format),
            compress=self.compress,
            whole_scene=self.whole_scene,
            engine=Engine(self.engine),
            quantise=self.error if self.quantise and self.format == Format.GLB else None,
        )
        exported = export(context.scene, context.selected_objects, self.filepath, chosen)
        for note in exported.notes:
            self.report({"WARNING"}, note)
        self.report(
            {"INFO"}, f"{exported.path.name}: frames {exported.start} to {exported.end}, {exported.size / 1e6:.1f} MB"
        )
        return FINISHED


CLASSES = (ACTIONMESH_OT_export,)
