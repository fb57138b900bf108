"""Write a motion to an object as shape keys, completely, or leave the object as it was before.

The artist's own shape keys, drivers, curves, UVs, materials, vertex groups, modifiers and normals are not touched, nor
are results on NLA tracks. An earlier animation is set aside first and removed last, so that it comes back if anything
fails.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import bpy
import numpy as np

from ..errors import ArtistError, MotionError, TargetChanged, TargetError
from ..motion.poses import local_poses
from ..motion.result_file import Motion
from . import fcurves
from .animation_record import PLAIN, Record, read_record, remove_record, write_record
from .bringing_back import Brought, bring_back, note_of
from .key_blocks import (
    ASIDE,
    PREFIX,
    add_pose,
    coordinates_of,
    laid_keys,
    other_keys,
    pose_keys,
    remove_blocks,
    replaceable_keys,
)
from .measuring_back import APPLY
from .meshes import read_basis
from .named_actions import action_name, rename_action, title_of
from .options import Mode, WriteOptions, Written
from .playback import EVAL_TIME, check_playback, paths_of, write_curves, written
from .targets import KEPT, check_target


def write_motion(object: bpy.types.Object, motion: Motion, options: WriteOptions) -> Written:
    """Write one shape key per pose, and the curves that play them.

    The active result of the object is replaced; results on NLA tracks stay. The scene's range does not change, see
    `ranges.extend_range`.

    Raises:
        TargetError: the object cannot take shape keys, or the motion is of another mesh; nothing was changed.
        ArtistError: the motion cannot be written like this; nothing was changed.
    """
    _check(object, motion, options)
    basis, active = read_basis(object.data), object.active_shape_key
    name = active.name if active else ""
    brought = bring_back(object, motion, options) if options.carry is not None else None
    with ExitStack() as undo:
        _keep_selection(object, undo)
        _leave_shared_action(object, undo)
        replaced = _set_aside(object, undo)
        key = _ensure_basis(object, undo)
        _add_poses(object, _poses(motion, options, basis, brought), undo)
        _own_curves(key, action_name(object, title_of(motion.provenance, options.title)), options.mode, undo)
        before, record = read_record(key), _keep_record(key, motion, options, brought, undo)
        _animate(key, record, undo)
        _verify(object, motion, options, basis)
        _discard(object, replaced)
        undo.pop_all()
    rename_action(object, before, record)
    _show(object, name)
    if brought is None or options.carry is None:
        return written(key, record)
    fix = None if brought.changed else APPLY
    return replace(written(key, record), note=note_of(object.name, options.carry, brought), fix=fix)


def _check(object: bpy.types.Object, motion: Motion, options: WriteOptions) -> None:
    check_target(object)
    check_playback(options.mode, options.playback)
    count, wanted = len(object.data.vertices), motion.vertices.shape[1]
    if options.carry is not None:
        if len(options.carry.shown) != wanted:
            problem = f"The model saw {len(options.carry.shown)} vertices, but the animation has {wanted}."
            raise MotionError(problem, "Run the job again.")
        wanted = options.carry.count
    if count != wanted:
        raise TargetChanged(f"{object.name} has {count} vertices, the animation {wanted}.", KEPT)
    own = [*other_keys(object.data.shape_keys), *laid_keys(object.data.shape_keys)]
    if options.mode == Mode.ABSOLUTE and own:
        names = ", ".join(block.name for block in own[:3])
        raise TargetError(
            f"Absolute keys would switch off the shape keys of {object.name} ({names}).", "Use relative ones."
        )


def _keep_selection(object: bpy.types.Object, undo: ExitStack) -> None:
    """Register an undo that restores which key is selected and whether it alone is shown."""
    key, alone = object.data.shape_keys, object.show_only_shape_key
    active = object.active_shape_key_index

    def restore() -> None:
        object.show_only_shape_key = alone
        if key is not None:
            object.active_shape_key_index = active

    undo.callback(restore)


def _leave_shared_action(object: bpy.types.Object, undo: ExitStack) -> None:
    """Give an earlier animation an action of its own: its keys are renamed, and a copy of the mesh may play it, too."""
    key = object.data.shape_keys
    if replaceable_keys(key) and len(fcurves.curves(key)):
        undo.callback(fcurves.own_action(key, object.name))


def _set_aside(object: bpy.types.Object, undo: ExitStack) -> list[bpy.types.ShapeKey]:
    """Free the names of an earlier animation's keys; Blender renames their curves with them."""
    key = object.data.shape_keys
    blocks = replaceable_keys(key)
    names = [block.name for block in blocks]

    def restore() -> None:
        for block, name in zip(blocks, names, strict=True):
            block.name = name

    undo.callback(restore)
    for block in blocks:
        block.name += ASIDE
    return blocks


def _ensure_basis(object: bpy.types.Object, undo: ExitStack) -> bpy.types.Key:
    if object.data.shape_keys is None:
        undo.callback(object.shape_key_clear)
        object.shape_key_add(name="Basis", from_mix=False)
    return object.data.shape_keys


def _poses(motion: Motion, options: WriteOptions, basis: np.ndarray, brought: Brought | None) -> Iterator[np.ndarray]:
    """Return the (V, 3) float32 coordinates of each pose's key."""
    keep, reference = options.keep_reference_pose, motion.reference_frame
    if brought is None:
        return local_poses(motion.vertices, basis, options.facing, reference, keep, options.scale)
    return (basis if keep and pose == reference else basis + move for pose, move in enumerate(brought.moves))


def _add_poses(object: bpy.types.Object, poses: Iterator[np.ndarray], undo: ExitStack) -> None:
    undo.callback(lambda: remove_blocks(object, pose_keys(object.data.shape_keys, PREFIX)))
    for pose, coordinates in enumerate(poses):
        add_pose(object, pose, coordinates)


def _own_curves(key: bpy.types.Key, name: str, mode: Mode, undo: ExitStack) -> None:
    """Give the Key an action of its own, and set the `eval_time` curve of absolute keys aside."""
    undo.callback(fcurves.own_action(key, name))
    earlier, course = read_record(key), fcurves.find(key, EVAL_TIME)
    if course is None or Mode.ABSOLUTE not in (mode, earlier and earlier.mode):
        return
    points, loop = fcurves.read_points(course), fcurves.read_loop(course)

    def restore() -> None:
        again = fcurves.make(key, EVAL_TIME)
        fcurves.set_points(again, points)
        fcurves.set_loop(again, loop)

    undo.callback(restore)
    fcurves.remove(key, [EVAL_TIME])


def _keep_record(
    key: bpy.types.Key, motion: Motion, options: WriteOptions, brought: Brought | None, undo: ExitStack
) -> Record:
    before = read_record(key)
    undo.callback(lambda: write_record(key, before) if before else remove_record(key))
    record = Record(
        times=tuple(motion.times.tolist()),
        start_frame=options.start,
        frames_per_second=options.rate,
        reference_frame=motion.reference_frame,
        mode=options.mode,
        playback=options.playback,
        provenance=motion.provenance | _way_back(options, brought),
        job=options.job,
        title=title_of(motion.provenance, options.title),
        facing=options.facing,
        scale=options.scale,
        origin=options.origin,
        shape=PLAIN if options.carry is None else tuple(options.carry.shape.ravel().tolist()),
    )
    write_record(key, record)
    return record


def _way_back(options: WriteOptions, brought: Brought | None) -> dict[str, Any]:
    """Return what is stored about how a motion came back through modifiers."""
    if options.carry is None or brought is None:
        return {}
    told = {"way": str(options.carry.way), "means": options.carry.takes_means, "through": list(options.carry.through)}
    return {"carried": told | {"missed": brought.missed}}


def _animate(key: bpy.types.Key, record: Record, undo: ExitStack) -> None:
    undo.callback(setattr, key, "use_relative", key.use_relative)
    undo.callback(fcurves.remove, key, paths_of(key, record))
    key.use_relative = record.mode == Mode.RELATIVE
    write_curves(key, record)


def _verify(object: bpy.types.Object, motion: Motion, options: WriteOptions, basis: np.ndarray) -> None:
    """Read back what the artist relies on: the rest pose, and the pose that must equal it."""
    key = object.data.shape_keys
    wrong = ArtistError(f"The shape keys of {object.name} do not hold what was written to them.")
    if read_basis(object.data).tobytes() != basis.tobytes() or len(pose_keys(key)) != len(motion.times):
        raise wrong
    reference = coordinates_of(pose_keys(key)[motion.reference_frame])
    if options.keep_reference_pose and reference.tobytes() != basis.tobytes():
        raise wrong


def _discard(object: bpy.types.Object, replaced: list[bpy.types.ShapeKey]) -> None:
    fcurves.remove(object.data.shape_keys, [fcurves.value_path(block.name) for block in replaced])
    remove_blocks(object, replaced)


def _show(object: bpy.types.Object, active: str) -> None:
    """Select the artist's key, or the basis if it is gone, and show all keys: a pinned key would hide the motion."""
    object.active_shape_key_index = max(0, object.data.shape_keys.key_blocks.find(active))
    object.show_only_shape_key = False
