"""Put other poses into an animation's shape keys, in place: completely, or everything is as before.

The keys that are there get other coordinates; missing ones are added and superfluous ones removed last. The artist's
own keys, drivers, other curves, groups and materials are not touched. The work comes in slices: between two of them
Blender can draw its window, and closing the generator takes everything back.
"""

from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import replace

import bpy
import numpy as np

from . import fcurves
from .animation_record import Record, write_record
from .key_blocks import ASIDE, add_pose, coordinates_of, pose_keys, remove_blocks
from .key_motion import KeyMotion, animated_key, read_key_motion
from .options import Written
from .playback import EVAL_TIME, write_curves, written
from .targets import check_target

Slices = Generator[None, None, "Written"]


def read_for_rewriting(object: bpy.types.Object) -> tuple[KeyMotion, Record]:
    """Return an object's motion, and the record with which it is written again: one key per pose, in the mode it has.

    Raises:
        ArtistError: the object has no ActionMesh animation, its keys are incomplete, or it cannot be changed.
    """
    _key, before = animated_key(object)
    check_target(object)
    motion = read_key_motion(object)
    return motion, replace(motion.record, mode=before.mode)


def rewrite(object: bpy.types.Object, record: Record, basis: np.ndarray, displacements: np.ndarray) -> Slices:
    """Write poses and the curves that play them.

    Args:
        record: when the poses are reached and how they play; without weights.
        basis: (V, 3) float32.
        displacements: (T, V, 3) float32, poses minus basis.
    Yields:
        None, between slices.
    Returns:
        What the animation consists of now.
    Raises:
        ArtistError: an NLA strip of the keys is open for editing; nothing was changed.
    """
    key, before = animated_key(object)
    blocks, active = pose_keys(key), object.active_shape_key
    shown = active.name if active else ""
    with ExitStack() as undo:
        undo.callback(_select, object, shown)
        undo.callback(key.update_tag)
        kept = _own_curves(object, key, undo)
        for pose, move in enumerate(displacements):
            coordinates = np.ascontiguousarray(basis + move, np.float32)
            if pose < len(blocks):
                _overwrite(blocks[pose], coordinates, undo)
            else:
                undo.callback(remove_blocks, object, [add_pose(object, pose, coordinates, record.keys)])
            yield
        leftover = blocks[len(displacements) :]
        _set_curves(key, before, record, leftover, undo)
        undo.pop_all()
    if kept is not None:
        bpy.data.actions.remove(kept)
    remove_blocks(object, leftover)
    _select(object, shown)
    key.update_tag()
    return written(key, record)


def _select(object: bpy.types.Object, name: str) -> None:
    object.active_shape_key_index = max(0, object.data.shape_keys.key_blocks.find(name))


def _overwrite(block: bpy.types.ShapeKey, coordinates: np.ndarray, undo: ExitStack) -> None:
    undo.callback(block.points.foreach_set, "co", coordinates_of(block).ravel())
    undo.callback(setattr, block, "mute", block.mute)
    block.points.foreach_set("co", coordinates.ravel())
    block.mute = False


def _set_curves(
    key: bpy.types.Key, before: Record, record: Record, leftover: list[bpy.types.ShapeKey], undo: ExitStack
) -> None:
    """Replace the record and the curves; keys that are left over get names that are no longer ours."""
    undo.callback(write_record, key, before)
    fcurves.remove(key, [EVAL_TIME, *(fcurves.value_path(block.name) for block in pose_keys(key))])
    for block in leftover:
        undo.callback(setattr, block, "name", block.name)
        block.name += ASIDE
    write_record(key, record)
    write_curves(key, record)


def _own_curves(object: bpy.types.Object, key: bpy.types.Key, undo: ExitStack) -> bpy.types.Action | None:
    """Give the Key an action of its own, and register an undo that restores its curves exactly.

    Returns:
        The copy of the curves from which they would be restored; None if the Key had no action of its own.
    """
    before = key.animation_data and key.animation_data.action
    undo.callback(fcurves.own_action(key, object.name))
    animation = key.animation_data
    if before is None or animation.action != before:
        return None
    kept = before.copy()
    undo.callback(_restore, before, kept)
    return kept


def _restore(spoilt: bpy.types.Action, kept: bpy.types.Action) -> None:
    """Put a copy in an action's place, for all that it animates: the object may be in the same action as its keys."""
    name, kept.use_fake_user = spoilt.name, spoilt.use_fake_user
    spoilt.user_remap(kept)
    bpy.data.actions.remove(spoilt)
    kept.name = name
