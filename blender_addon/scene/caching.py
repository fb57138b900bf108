"""The motion of all shape keys in a file, played by a modifier on a mesh without keys.

The file stores the mesh after its shape keys, the artist's own included, and before its modifiers, at every whole
frame. The cache is the first of the copy's modifiers, so an armature still acts on top. Motion that repeats is stored
over the scene's range as well.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np

from ..errors import ArtistError
from ..motion.point_cache import write_mdd, write_pc2
from ..motion.weights import Loop
from . import fcurves
from .baking import Baked
from .duplicates import duplicate, take_place
from .exporters import ExportOptions, Format, check_available, run_exporter
from .key_blocks import laid_keys
from .key_motion import animated_key
from .meshes import read_basis
from .nla_strips import strips_of
from .playback import written
from .stage import stage
from .whole_files import written_whole

NAME = "ActionMesh Cache"

Writer = Callable[[bpy.types.Object, Path, bpy.types.Scene], None]
Player = Callable[[bpy.types.Object, Path, bpy.types.Scene], None]


def bake_pc2(scene: bpy.types.Scene, object: bpy.types.Object, path: str | Path, replace_source: bool = False) -> Baked:
    """Write a PC2 point cache, and make a copy that plays it with a Mesh Cache modifier.

    Raises:
        ArtistError: the object has no ActionMesh animation, or the file cannot be written. Nothing was changed.
    """
    return _bake(scene, object, Path(path), ".pc2", _write_pc2, _play_pc2, replace_source)


def bake_mdd(scene: bpy.types.Scene, object: bpy.types.Object, path: str | Path, replace_source: bool = False) -> Baked:
    """Write an MDD point cache, and make a copy that plays it with a Mesh Cache modifier.

    Raises:
        ArtistError: the object has no ActionMesh animation, or the file cannot be written. Nothing was changed.
    """
    return _bake(scene, object, Path(path), ".mdd", _write_mdd, _play_mdd, replace_source)


def bake_alembic(
    scene: bpy.types.Scene, object: bpy.types.Object, path: str | Path, replace_source: bool = False
) -> Baked:
    """Write an Alembic file, and make a copy that plays it with a Mesh Sequence Cache modifier.

    Raises:
        ArtistError: the object has no ActionMesh animation, this Blender has no Alembic, or the file cannot be
            written. Nothing was changed.
    """
    check_available(Format.ALEMBIC)
    return _bake(scene, object, Path(path), ".abc", _write_alembic, _play_alembic, replace_source)


def _bake(
    scene: bpy.types.Scene,
    object: bpy.types.Object,
    path: Path,
    ending: str,
    write: Writer,
    play: Player,
    replace_source: bool,
) -> Baked:
    start, end = _range(scene, object)
    target = (path if path.suffix.lower() == ending else path.with_name(path.name + ending)).absolute()
    with ExitStack() as undo:
        copy = duplicate(object, undo)
        copy.shape_key_clear()
        copy.data.vertices.foreach_set("co", read_basis(object.data).ravel())
        with written_whole(target) as part, _bare(object) as bare, stage(scene, [bare], start, end) as stand_in:
            write(bare, part, stand_in)
        with stage(scene, [copy], start, end) as stand_in:
            play(copy, target, stand_in)
        undo.pop_all()
    if replace_source:
        _copy_cache(copy, object)
        copy = take_place(object, copy)
    return Baked(copy, 0, end - start + 1, path=target)


def _range(scene: bpy.types.Scene, object: bpy.types.Object) -> tuple[int, int]:
    key, record = animated_key(object)
    span = written(key, record)
    strips = [strip for _, strip in strips_of(key, {fcurves.value_path(item.name) for item in laid_keys(key)})]
    if strips:
        first = min(span.start, *(math.floor(strip.frame_start) for strip in strips))
        last = max(span.end, *(math.ceil(strip.frame_end) for strip in strips))
        span = replace(span, start=first, end=last)
    if record.playback.loop == Loop.NONE:
        return span.start, span.end
    return min(span.start, scene.frame_start), max(span.end, scene.frame_end)


@contextmanager
def _bare(object: bpy.types.Object) -> Iterator[bpy.types.Object]:
    """Yield a temporary object that shows a mesh's shape keys, without modifiers, parent and transform."""
    bare = bpy.data.objects.new(NAME, object.data)
    try:
        yield bare
    finally:
        bpy.data.objects.remove(bare)


def _write_pc2(bare: bpy.types.Object, path: Path, scene: bpy.types.Scene) -> None:
    write_pc2(path, _samples(bare, scene), scene.frame_start)


def _samples(bare: bpy.types.Object, scene: bpy.types.Scene) -> Iterator[np.ndarray]:
    coordinates = np.empty((len(bare.data.vertices), 3), np.float32)
    for frame in range(scene.frame_start, scene.frame_end + 1):
        scene.frame_set(frame)
        drawn = bare.evaluated_get(scene.view_layers[0].depsgraph).data
        drawn.vertices.foreach_get("co", coordinates.ravel())
        yield coordinates


def _write_mdd(bare: bpy.types.Object, path: Path, scene: bpy.types.Scene) -> None:
    rate = scene.render.fps / scene.render.fps_base
    frames = range(scene.frame_start, scene.frame_end + 1)
    write_mdd(path, _samples(bare, scene), [(frame - scene.frame_start) / rate for frame in frames])


def _play_pc2(copy: bpy.types.Object, path: Path, scene: bpy.types.Scene) -> None:
    _play_points(copy, path, scene, "PC2")


def _play_mdd(copy: bpy.types.Object, path: Path, scene: bpy.types.Scene) -> None:
    cache = _play_points(copy, path, scene, "MDD")
    cache.forward_axis, cache.up_axis = "POS_Z", "NEG_Y"  # the modifier names them the other way round


def _play_points(copy: bpy.types.Object, path: Path, scene: bpy.types.Scene, kind: str) -> bpy.types.Modifier:
    cache = _first_modifier(copy, "MESH_CACHE")
    cache.cache_format, cache.filepath = kind, str(path)
    cache.play_mode, cache.time_mode, cache.interpolation = "SCENE", "FRAME", "LINEAR"
    cache.frame_start, cache.frame_scale = scene.frame_start, 1.0
    return cache


def _write_alembic(_bare: bpy.types.Object, path: Path, scene: bpy.types.Scene) -> None:
    run_exporter(path, ExportOptions(Format.ALEMBIC), scene)


def _play_alembic(copy: bpy.types.Object, path: Path, scene: bpy.types.Scene) -> None:
    files = set(bpy.data.cache_files)
    bpy.ops.cachefile.open(filepath=str(path))
    file = next(file for file in bpy.data.cache_files if file not in files)
    cache = _first_modifier(copy, "MESH_SEQUENCE_CACHE")
    cache.cache_file, cache.read_data, cache.use_vertex_interpolation = file, {"VERT"}, True
    scene.view_layers[0].update()
    if not len(file.object_paths):
        raise ArtistError(f"{path} holds no mesh.", "Bake it again.")
    cache.object_path = file.object_paths[0].path


def _first_modifier(object: bpy.types.Object, kind: str) -> bpy.types.Modifier:
    object.modifiers.new(NAME, kind)
    object.modifiers.move(len(object.modifiers) - 1, 0)
    return object.modifiers[0]


def _copy_cache(source: bpy.types.Object, target: bpy.types.Object) -> None:
    """Give another object the modifier that plays the cache, as its first modifier."""
    cache = source.modifiers[0]
    twin = _first_modifier(target, cache.type)
    for item in cache.bl_rna.properties:
        if not item.is_readonly and item.identifier not in {"name", "rna_type"}:
            setattr(twin, item.identifier, getattr(cache, item.identifier))
