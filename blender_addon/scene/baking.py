"""The same motion in other shape keys: fewer poses, principal components, or plain relative keys.

A baked copy appears next to the source, or replaces it on request. The copy has the artist's own shape keys, materials,
groups, modifiers and armature, as the source does. Times, speed, loop and strength stay as they are and can still be
changed. Errors are fractions of the diagonal of the bounding box at rest.
"""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
import numpy as np

from ..errors import ArtistError
from ..motion.compression import compress
from ..motion.thinning import kept_poses, thinning_error
from . import fcurves
from .animation_record import Record, write_record
from .duplicates import duplicate, take_place
from .key_blocks import add_pose, pose_keys, remove_blocks
from .key_motion import KeyMotion, read_key_motion
from .playback import EVAL_TIME, write_curves


@dataclass(frozen=True)
class Baked:
    """The result of baking.

    Args:
        object: the copy, or the source if it was replaced.
        keys: number of the animation's shape keys, without the basis; 0 for a cache.
        poses: number of poses that they play, or of samples in a cache.
        error: greatest distance of a vertex from its place in the source, in any pose, as a fraction of the size.
        path: the file of a cache.
    """

    object: bpy.types.Object
    keys: int
    poses: int
    error: float = 0.0
    path: Path | None = None


def bake_plain(object: bpy.types.Object, replace_source: bool = False) -> Baked:
    """Bake one relative key per pose, whether the keys were absolute, compressed, or had edited curves.

    Raises:
        ArtistError: the object has no ActionMesh animation, or cannot be copied.
    """
    motion = read_key_motion(object)
    return _bake(object, motion, motion.record, motion.displacements, 0.0, replace_source)


def bake_thinned(object: bpy.types.Object, step: int, replace_source: bool = False) -> Baked:
    """Keep every `step`-th pose, the last, and the reference pose.

    Raises:
        ArtistError: the step is below 1, the object has no ActionMesh animation, or cannot be copied.
    """
    motion = read_key_motion(object)
    record = motion.record
    kept = kept_poses(len(record.times), step, record.reference_frame)
    error = thinning_error(motion.displacements, record.frames, kept, motion.size)
    fewer = replace(
        record,
        times=tuple(record.times[pose] for pose in kept),
        start_frame=float(record.frames[kept[0]]),
        reference_frame=int(np.searchsorted(kept, record.reference_frame)),
    )
    return _bake(object, motion, fewer, motion.displacements[kept], error, replace_source)


def bake_compressed(
    object: bpy.types.Object, max_keys: int | None = None, max_error: float | None = None, replace_source: bool = False
) -> Baked:
    """Bake keys that are mixed in every pose, see `compression.compress`.

    Args:
        max_keys: at most this many keys.
        max_error: greatest allowed error, as a fraction of the size; 0.005 if neither limit is given.
    Raises:
        ArtistError: a limit is out of range, the motion is smaller than the allowed error, the object has no ActionMesh
            animation, or cannot be copied.
    """
    motion = read_key_motion(object)
    if max_keys is None and max_error is None:
        max_error = 0.005
    result = compress(motion.displacements, motion.size, max_keys, max_error)
    if not len(result.keys):
        raise ArtistError(f"{object.name} moves by less than the allowed error.", "Allow a smaller error.")
    record = replace(motion.record, weights=tuple(map(tuple, result.weights.tolist())))
    return _bake(object, motion, record, result.keys, result.error, replace_source)


def _bake(
    object: bpy.types.Object, motion: KeyMotion, record: Record, moves: np.ndarray, error: float, replace_source: bool
) -> Baked:
    """Write keys with the displacements `moves` (K, V, 3) and curves for `record`; leave nothing behind on failure."""
    with ExitStack() as undo:
        copy = duplicate(object, undo)
        key = copy.data.shape_keys
        undo.callback(fcurves.own_action(key, copy.name))
        _replace_keys(copy, motion.basis, moves, record.keys)
        write_record(key, record)
        write_curves(key, record)
        undo.pop_all()
    baked = take_place(object, copy) if replace_source else copy
    return Baked(baked, len(moves), len(record.times), error)


def _replace_keys(object: bpy.types.Object, basis: np.ndarray, moves: np.ndarray, prefix: str) -> None:
    key = object.data.shape_keys
    blocks = pose_keys(key)
    fcurves.remove(key, [EVAL_TIME, *(fcurves.value_path(block.name) for block in blocks)])
    remove_blocks(object, blocks)
    key.use_relative = True
    for index, move in enumerate(moves):
        add_pose(object, index, np.ascontiguousarray(basis + move, np.float32), prefix)
    object.active_shape_key_index, object.show_only_shape_key = 0, False
