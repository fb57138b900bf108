"""Blender's own exporters, each called with the settings that carry an animation of shape keys.

GLB, glTF   morph targets, armature, UVs, textures inside; one animation over the whole range, sampled at every frame
FBX         blend shapes, armature, UVs, textures inside; only the active actions, sampled at every frame; begins at
            frame 1, as Blender's importer expects
Alembic     the position of every vertex at every frame; UVs, no materials, no armature
USD         blend shapes and skeleton, or every vertex at every frame; UVs, textures next to it (inside a .usdz)
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import bpy

from ..errors import ArtistError
from .disk_room import require_room
from .engines import Engine, check_engine, fbx_settings
from .fbx_time import fbx_begins_at_frame_1
from .usd_files import is_whole


class Format(StrEnum):
    GLB = "GLB"
    FBX = "FBX"
    ALEMBIC = "ALEMBIC"
    USD = "USD"


@dataclass(frozen=True)
class ExportOptions:
    """Settings of an export.

    Args:
        format: which exporter.
        start, end: the first and last whole frame to export; None takes those between which the animation moves.
        whole_scene: take the scene's range instead.
        compress: for GLB, compress the base mesh with Draco; the keys are not compressed.
        morph_normals: for GLB, write normals for every key: correct shading, about twice the size.
        vertices_only: for USD, write the position of every vertex at every frame instead of blend shapes and skeleton.
            None does so if a mesh has modifiers other than armatures, which blend shapes and skeletons exclude.
        engine: the game engine whose unit and axes are used.
        quantise: for GLB, store the keys with fewer bits and only where they move, each vertex within this percentage
            of its mesh's size.
    Raises:
        ArtistError: the range is empty, or the engine does not read such a file.
    """

    format: Format
    start: int | None = None
    end: int | None = None
    whole_scene: bool = False
    compress: bool = False
    morph_normals: bool = True
    vertices_only: bool | None = None
    engine: Engine = Engine.ANY
    quantise: float | None = None

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.end < self.start:
            raise ArtistError(f"The export would begin at frame {self.start} and end at {self.end}.", "Swap the two.")
        check_engine(self.engine, self.format, self.quantise is not None, self.compress)
        if self.compress and self.quantise is not None:
            raise ArtistError("A file is either compressed with Draco or quantised.", "Turn one of the two off.")


ENDINGS = {
    Format.GLB: (".glb",),
    Format.FBX: (".fbx",),
    Format.ALEMBIC: (".abc",),
    Format.USD: (".usdc", ".usd", ".usda", ".usdz"),
}
"""The file extensions of each format; the first is added if there is none."""

TITLES = {Format.GLB: "glTF", Format.FBX: "FBX", Format.ALEMBIC: "Alembic", Format.USD: "USD"}
ADDONS = {Format.GLB: ("EXPORT_SCENE_OT_gltf", "glTF 2.0 format"), Format.FBX: ("EXPORT_SCENE_OT_fbx", "FBX format")}
BUILD_OPTIONS = {Format.ALEMBIC: "alembic", Format.USD: "usd"}


def check_available(format: Format) -> None:
    """Raise ArtistError if this Blender lacks the exporter.

    Raises:
        ArtistError: its add-on is off, or Blender was built without it.
    """
    if format in ADDONS:
        operator, addon = ADDONS[format]
        if not hasattr(bpy.types, operator):
            cure = f"Enable the add-on {addon} in Blender's preferences."
            raise ArtistError(f"The {TITLES[format]} exporter is switched off.", cure, "screen.userpref_show")
    elif not getattr(bpy.app.build_options, BUILD_OPTIONS[format]):
        raise ArtistError(f"This Blender was built without {TITLES[format]}.", "Choose another format.")


def has_draco() -> bool:
    """Return whether the glTF exporter can compress meshes with Draco.

    The bpy module of 4.2 lacks the library for it and silently compresses nothing.
    """
    try:
        from io_scene_gltf2.io.com import draco  # type: ignore[import-not-found]
    except ImportError:
        try:
            from io_scene_gltf2.io.com import gltf2_io_draco_compression_extension as draco  # type: ignore[import-not-found]
        except ImportError:
            return False
    return bool(draco.dll_exists(quiet=True))


def run_exporter(path: Path, options: ExportOptions, scene: bpy.types.Scene) -> None:
    """Write everything in `scene`, which is the context's scene, over its range.

    Raises:
        ArtistError: the exporter failed (the message contains what it reported), or the disk is too full.
        OSError: the folder does not exist.
    """
    if options.format in BUILD_OPTIONS:
        require_room(path, scene)
    operator, settings = EXPORTERS[options.format](options, scene)
    known = operator.get_rna_type().properties
    chosen = {name: settings[name] for name in settings if name in known}
    begins = fbx_begins_at_frame_1 if options.format == Format.FBX else nullcontext
    try:
        with begins():
            result = operator(filepath=str(path), check_existing=False, **chosen)
    except RuntimeError as error:
        problem = f"Blender's {TITLES[options.format]} exporter failed: {_reason(error)}."
        raise ArtistError(problem, "Try another place or format.") from error
    if "FINISHED" not in result:
        raise ArtistError(
            f"Blender's {TITLES[options.format]} exporter gave up.", "See Blender's console for its messages."
        )
    if options.format == Format.USD and path.is_file() and not is_whole(path):
        raise ArtistError(
            "The USD file was cut off, as if the disk were full.", "Free some space, or choose another place."
        )


def _reason(error: RuntimeError) -> str:
    """Return the last line of Blender's report; exporters in Python report a traceback, and then their own location."""
    lines = [line.strip() for line in str(error).removeprefix("Error: ").splitlines()]
    told = [line.rstrip(".") for line in lines if line and not line.startswith("Location:")]
    return told[-1] if told else "it gave no reason"


Exporter = tuple[Any, dict[str, Any]]


def _gltf(options: ExportOptions, _scene: bpy.types.Scene) -> Exporter:
    if options.compress and not has_draco():
        raise ArtistError("This Blender lacks the library for Draco compression.", "Export without compression.")
    return bpy.ops.export_scene.gltf, {
        "export_format": "GLB",
        "use_active_scene": True,
        "use_selection": True,  # otherwise children that are only in other scenes are exported too
        "export_animation_mode": "SCENE",
        "export_anim_scene_split_object": False,
        "export_force_sampling": True,
        "export_optimize_animation_size": False,
        "export_morph": True,
        "export_morph_normal": options.morph_normals,
        "export_draco_mesh_compression_enable": options.compress,
        "export_draco_position_quantization": 16,
        "export_cameras": False,
        "export_lights": False,
    }


def _fbx(options: ExportOptions, scene: bpy.types.Scene) -> Exporter:
    keyed = any(object.type == "MESH" and object.data.shape_keys for object in scene.objects)
    rigged = any(object.type == "ARMATURE" for object in scene.objects)
    return bpy.ops.export_scene.fbx, {
        "bake_anim_use_all_actions": False,
        "bake_anim_use_nla_strips": False,
        "bake_anim_simplify_factor": 0.0,
        "bake_anim_step": 1.0,
        "use_mesh_modifiers": not keyed,
        "add_leaf_bones": False,
        "object_types": {"MESH", "ARMATURE", "EMPTY"},
        "path_mode": "COPY",
        "embed_textures": True,
        "batch_mode": "OFF",
        **fbx_settings(options.engine, rigged),
    }


def _alembic(_options: ExportOptions, scene: bpy.types.Scene) -> Exporter:
    return bpy.ops.wm.alembic_export, {
        "start": scene.frame_start,
        "end": scene.frame_end,
        "face_sets": True,
        "export_hair": False,
        "export_particles": False,
        "as_background_job": False,
    }


def _usd(options: ExportOptions, _scene: bpy.types.Scene) -> Exporter:
    return bpy.ops.wm.usd_export, {
        "export_animation": True,
        "export_shapekeys": not options.vertices_only,
        "export_armatures": not options.vertices_only,
        "export_hair": False,
        "export_textures": True,
        "export_textures_mode": "NEW",
        "relative_paths": True,
        "convert_world_material": False,
        "allow_unicode": True,
    }


EXPORTERS: dict[Format, Callable[[ExportOptions, bpy.types.Scene], Exporter]] = {
    Format.GLB: _gltf,
    Format.FBX: _fbx,
    Format.ALEMBIC: _alembic,
    Format.USD: _usd,
}
