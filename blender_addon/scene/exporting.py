"""Export animated meshes to one file, with their armatures and parents, over the frames in which they move.

The file appears whole or not at all. The artist's scene is restored, also after an error.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import bpy

from ..errors import ArtistError
from ..process.backend_locator import quantising
from .exporters import ENDINGS, TITLES, ExportOptions, Format, check_available, run_exporter
from .moving import moving_range
from .portable_keys import portable_keys
from .stage import object_mode, stage
from .used_files import used_files
from .whole_files import written_whole

CACHES = {"MESH_CACHE", "MESH_SEQUENCE_CACHE"}
KEY_FORMATS = {Format.GLB, Format.FBX}
"""Formats that hold motion only as shape keys and armatures."""


@dataclass(frozen=True)
class Exported:
    """The result of an export.

    Args:
        path: the file.
        size: in bytes.
        start, end: first and last frame in the file.
        notes: sentences on what the format leaves out of the objects.
    """

    path: Path
    size: int
    start: int
    end: int
    notes: tuple[str, ...]


def export(
    scene: bpy.types.Scene, objects: Iterable[bpy.types.Object], path: str | Path, options: ExportOptions
) -> Exported:
    """Export the meshes among `objects` with everything that moves them.

    Args:
        scene: gives the frame rate, the units, and the range for animations without an end of their own.
        path: the format's extension is added if there is none.
    Raises:
        ArtistError: there is no mesh, the format cannot carry its motion, the exporter is missing or fails, or the file
            cannot be written. Nothing was changed.
    """
    meshes = [object for object in objects if object.type == "MESH"]
    if not meshes:
        raise ArtistError("No mesh is selected.", "Select the meshes to export.")
    check_available(options.format)
    target = _with_ending(Path(path).absolute(), options.format)
    _refuse_caches(meshes, options.format)
    start, end = _range(scene, meshes, options)
    options = _resolved(meshes, options)
    with written_whole(target, used_files()) as part, object_mode(meshes), portable_keys(scene, meshes, start, end):
        with stage(scene, company(meshes), start, end) as stand_in:
            run_exporter(part, options, stand_in)
        if options.quantise is not None and options.format == Format.GLB:
            _quantise(part, options.quantise)
    return Exported(target, target.stat().st_size, start, end, tuple(_left_out(meshes, options)))


def _quantise(path: Path, most: float) -> None:
    """Replace a .glb by one with smaller keys."""
    path.write_bytes(quantising().compact(path.read_bytes(), most).data)


def _with_ending(path: Path, format: Format) -> Path:
    endings = ENDINGS[format]
    if path.suffix.lower() in endings:
        return path
    if path.suffix.lower() in {ending for others in ENDINGS.values() for ending in others}:
        raise ArtistError(f"{path.name} is not a name for {TITLES[format]}.", f"End it in {' or '.join(endings)}.")
    return path.with_name(path.name + endings[0])


def _refuse_caches(meshes: list[bpy.types.Object], format: Format) -> None:
    for mesh in meshes:
        if format in KEY_FORMATS and any(modifier.type in CACHES for modifier in mesh.modifiers):
            cure = "Export Alembic or USD, or bake it to shape keys instead."
            raise ArtistError(f"{mesh.name} moves by a mesh cache, which {TITLES[format]} files cannot hold.", cure)


def _range(scene: bpy.types.Scene, meshes: list[bpy.types.Object], options: ExportOptions) -> tuple[int, int]:
    """Return the frames in `options`, or those in which the meshes move, or the scene's."""
    whole = scene.frame_start, scene.frame_end
    moving = None if options.whole_scene else moving_range(company(meshes), *whole)
    first, last = moving or whole
    start = first if options.start is None else options.start
    end = last if options.end is None else options.end
    if end < start:
        raise ArtistError(f"The export would begin at frame {start} and end at {end}.", "Set the range of the scene.")
    return start, end


def _resolved(meshes: list[bpy.types.Object], options: ExportOptions) -> ExportOptions:
    """Choose `vertices_only` for USD if it is None: blend shapes and skeletons silently exclude other modifiers."""
    if options.vertices_only is not None:
        return options
    return replace(options, vertices_only=any(map(_other_modifiers, meshes)))


def _other_modifiers(mesh: bpy.types.Object) -> list[str]:
    return [modifier.name for modifier in mesh.modifiers if modifier.type != "ARMATURE" and modifier.show_viewport]


def company(meshes: Iterable[bpy.types.Object]) -> list[bpy.types.Object]:
    """Return the meshes with the armatures that deform them and all their parents, each once."""
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
        f"{mesh.name}: {', '.join(_other_modifiers(mesh))} is left out, because shape keys exclude modifiers here."
        for mesh in meshes
        if mesh.data.shape_keys and _other_modifiers(mesh)
    ]
