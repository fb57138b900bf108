"""Open a file of another program in an empty Blender file, and find out what moves in it and when.

Everything that was open is closed. No scripts run: none of these formats has any, and Blender's auto-run is switched
off.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..errors import ArtistError
from .clips import Clip, clips_of_file
from .source_objects import SHAPES

IMPORTERS: dict[str, tuple[str, ...]] = {
    ".glb": ("import_scene.gltf",),
    ".gltf": ("import_scene.gltf",),
    ".fbx": ("wm.fbx_import", "import_scene.fbx"),
    ".abc": ("wm.alembic_import",),
    ".usd": ("wm.usd_import",),
    ".usda": ("wm.usd_import",),
    ".usdc": ("wm.usd_import",),
    ".usdz": ("wm.usd_import",),
}
"""File extensions, and the operators that read them; the first that this Blender has is used."""
OPTIONS = {
    "import_scene.gltf": {"disable_bone_shape": True},
    "wm.alembic_import": {"set_frame_range": True, "as_background_job": False},
    "wm.usd_import": {"set_frame_range": True},
}


@dataclass(frozen=True)
class Opened:
    """The contents of a file.

    Args:
        objects: those that renders show.
        clips: its animations, the one that plays first; if there are none, one without a name and of one frame.
    """

    objects: tuple[bpy.types.Object, ...]
    clips: tuple[Clip, ...]


def open_alone(path: Path) -> Opened:
    """Import a file into an empty scene.

    Raises:
        ArtistError: this Blender has no importer for it, it cannot be read, or nothing in it can be rendered.
    """
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.context.preferences.filepaths.use_scripts_auto_execute = False
    _read(path)
    shapes = [item for item in bpy.context.scene.objects if item.type in SHAPES or item.instance_type == "COLLECTION"]
    shown = tuple(item for item in shapes if not item.hide_render)
    if not shown:
        raise ArtistError(f"{path.name} has no mesh that can be rendered.", "Export it again with its meshes.")
    for item in shown:
        let_viewport_be_as_render(item)
    for material in bpy.data.materials:
        _show_colour(material)
    return Opened(shown, tuple(clips_of_file()))


def _read(path: Path) -> None:
    name, operator = _importer(path)
    try:
        done = operator(filepath=str(path), **OPTIONS.get(name, {}))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].removeprefix("Error: ").rstrip(".")
        raise ArtistError(f"{path.name} cannot be read: {reason}.", "Export it again.") from error
    if done != {"FINISHED"}:
        raise ArtistError(f"{path.name} cannot be read: Blender's importer gave up.", "Export it again.")


def _importer(path: Path) -> tuple[str, Callable[..., set[str]]]:
    names = IMPORTERS[path.suffix.lower()]
    for name in names:
        module, function = name.split(".")
        if function in dir(getattr(bpy.ops, module)):
            return name, getattr(getattr(bpy.ops, module), function)
    raise ArtistError(
        f"This Blender was built without an importer for {path.suffix} files.", "Use a Blender from blender.org."
    )


def _show_colour(material: bpy.types.Material) -> None:
    """Give an empty node tree a surface in the material's colour.

    Blender 5.2's Alembic importer leaves empty trees, which render black.
    """
    tree = material.node_tree
    if tree is None or tree.nodes:
        return
    surface, output = tree.nodes.new("ShaderNodeBsdfPrincipled"), tree.nodes.new("ShaderNodeOutputMaterial")
    surface.inputs["Base Color"].default_value = material.diffuse_color
    tree.links.new(surface.outputs["BSDF"], output.inputs["Surface"])


def let_viewport_be_as_render(item: bpy.types.Object) -> None:
    """Show an object in the viewport as renders do: outside a render Blender evaluates what viewports show."""
    item.hide_viewport = False
    for modifier in item.modifiers:
        modifier.show_viewport = modifier.show_render
        if modifier.type in {"SUBSURF", "MULTIRES"}:
            modifier.levels = modifier.render_levels
