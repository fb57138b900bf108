"""Exports animated meshes to one file that others open: with their armatures and parents, over the frames in which they move.

The file appears whole or not at all, and the artist's scene is as before, also after an error.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import bpy

from ..errors import ArtistError
from .exporters import ENDINGS, TITLES, ExportOptions, Format, check_available, run_exporter
from .moving import moving_range
from .portable_keys import portable_keys
from .stage import object_mode, stage
from .used_files import used_files
from .whole_files import written_whole

CACHES = {"MESH_CACHE", "MESH_SEQUENCE_CACHE"}
KEY_FORMATS = {Format.GLB, Format.FBX}
"""Formats that hold motion as shape keys and armatures alone."""


@dataclass(frozen=True)
class Exported:
    """What was exported.

    Args:
        path: the file.
        size: its bytes.
        start, end: the frames that it holds.
        notes: a sentence for everything of the objects that the format leaves out.
    """

    path: Path
    size: int
    start: int
    end: int
    notes: tuple[str, ...]


def export(
    scene: bpy.types.Scene, objects: Iterable[bpy.types.Object], path: str | Path, options: ExportOptions
) -> Exported:
    """Exports the meshes among `objects` with what moves them.

    Args:
        scene: whose frame rate and units count, and its range where an animation has no end of its own.
        path: the format's ending is added where there is none.
    Raises:
        ArtistError: there is no mesh, the format cannot carry its motion, the exporter is missing or fails, the place
            cannot be written to. Nothing was changed then.
    """
    meshes = [object for object in objects if object.type == "MESH"]
    if not meshes:
        raise ArtistError("No mesh is selected.", "Select what is to be exported.")
    check_available(options.format)
    target = _with_ending(Path(path).absolute(), options.format)
    _refuse_caches(meshes, options.format)
    start, end = _range(scene, meshes, options)
    options = _resolved(meshes, options)
    with written_whole(target, used_files()) as part, object_mode(meshes), portable_keys(meshes, start, end):
        with stage(scene, company(meshes), start, end) as stand_in:
            run_exporter(part, options, stand_in)
    return Exported(target, target.stat().st_size, start, end, tuple(_left_out(meshes, options)))


def _with_ending(path: Path, format: Format) -> Path:
    endings = ENDINGS[format]
    if path.suffix.lower() in endings:
        return path
    if path.suffix.lower() in {ending for others in ENDINGS.values() for ending in others}:
        raise ArtistError(f"{path.name} is no name for {TITLES[format]}.", f"Let it end in {' or '.join(endings)}.")
    return path.with_name(path.name + endings[0])


def _refuse_caches(meshes: list[bpy.types.Object], format: Format) -> None:
    for mesh in meshes:
        if format in KEY_FORMATS and any(modifier.type in CACHES for modifier in mesh.modifiers):
            cure = "Export Alembic or USD, or bake it to shape keys instead."
            raise ArtistError(f"{mesh.name} moves by a mesh cache, which {TITLES[format]} files cannot hold.", cure)


def _range(scene: bpy.types.Scene, meshes: list[bpy.types.Object], options: ExportOptions) -> tuple[int, int]:
    """The frames that were named, else those in which the meshes move, else the scene's."""
    whole = scene.frame_start, scene.frame_end
    moving = None if options.whole_scene else moving_range(company(meshes), *whole)
    first, last = moving or whole
    start = first if options.start is None else options.start
    end = last if options.end is None else options.end
    if end < start:
        raise ArtistError(f"The export would begin at frame {start} and end at {end}.", "Set the range of the scene.")
    return start, end


def _resolved(meshes: list[bpy.types.Object], options: ExportOptions) -> ExportOptions:
    """Chooses for USD where that was left open: its blend shapes and skeletons exclude other modifiers, silently."""
    if options.vertices_only is not None:
        return options
    return replace(options, vertices_only=any(map(_other_modifiers, meshes)))


def _other_modifiers(mesh: bpy.types.Object) -> list[str]:
    return [modifier.name for modifier in mesh.modifiers if modifier.type != "ARMATURE" and modifier.show_viewport]


def company(meshes: Iterable[bpy.types.Object]) -> list[bpy.types.Object]:
    """The meshes with the armatures that deform them and all their parents, each once."""
    found: dict[bpy.types.Object, None] = {}
    waiting = list(meshes)
    while waiting:
        object = waiting.pop(0)
        if object is None or object in found:
            continue
        found[object] = None
        waiting += [object.parent, *(modifier.object for modifier in object.modifiers if modifier.type == "ARMATURE")]
    return list(found)


def _left_out(meshes: list[bpy.types.Object], options: ExportOptions) -> list[str]:
    if options.format == Format.ALEMBIC:
        return ["Alembic holds every vertex at every frame, and no materials, textures or armatures."]
    if options.format == Format.USD and options.vertices_only:
        return ["Every vertex is stored at every frame, modifiers applied, without shape keys and armature."]
    return [
        f"{mesh.name}: {', '.join(_other_modifiers(mesh))} is left out: in this format shape keys exclude modifiers."
        for mesh in meshes
        if mesh.data.shape_keys and _other_modifiers(mesh)
    ]
