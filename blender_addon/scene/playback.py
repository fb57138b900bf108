"""The curves that play an animation: written from its record, and again when strength, speed or loop change."""

from dataclasses import replace

import bpy
import numpy as np

from ..errors import ArtistError
from ..motion.timing import whole_range
from ..motion.weights import Loop, course, knots, samples, tent
from . import fcurves
from .animation_record import Record, read_record, write_record
from .key_blocks import laid_prefixes, pose_keys
from .nla_strips import strips_of
from .options import Mode, Playback, Written

EVAL_TIME = "eval_time"


def write_curves(key: bpy.types.Key, record: Record) -> None:
    """Write the curves of the animation's keys; the Key needs an action (`fcurves.own_action`).

    Relative keys get one curve each, a tent (`weights.tent`). Absolute keys share one curve, which reads the position
    of every key on Blender's scale from the key itself.
    """
    if record.mode == Mode.ABSOLUTE:
        _write_course(key, record)
    else:
        _write_tents(key, record)


def _write_tents(key: bpy.types.Key, record: Record) -> None:
    frames, playback = record.frames, record.playback
    for index, block in enumerate(pose_keys(key, record.keys)):
        points = _points(record, frames, index)
        _make_room(block, points[:, 1])
        curve = fcurves.make(key, fcurves.value_path(block.name))
        fcurves.set_points(curve, points)
        fcurves.set_loop(curve, playback.loop)


def _make_room(block: bpy.types.ShapeKey, weights: np.ndarray) -> None:
    """Widen a key's slider, because Blender clamps the weight to the slider's range."""
    block.slider_min, block.slider_max = min(0.0, weights.min()), max(1.0, weights.max())


def _points(record: Record, frames: np.ndarray, key: int) -> np.ndarray:
    playback = record.playback
    if record.weights:
        return samples(frames, record.key_weights[:, key] * playback.strength, playback.loop)
    return tent(frames, key, playback.loop, playback.strength)


def _write_course(key: bpy.types.Key, record: Record) -> None:
    positions = np.array([block.frame for block in pose_keys(key)])
    curve = fcurves.make(key, EVAL_TIME)
    fcurves.set_points(curve, course(record.frames, positions, record.playback.loop))
    fcurves.set_loop(curve, record.playback.loop)


def paths_of(key: bpy.types.Key, record: Record) -> set[str]:
    """Return the data paths of the curves of any of a Key's results."""
    if record.mode == Mode.ABSOLUTE:
        return {EVAL_TIME}
    return {fcurves.value_path(block.name) for block in pose_keys(key, record.keys)}


def check_playback(mode: Mode, playback: Playback) -> None:
    """Raise ArtistError if keys of this mode cannot be played like this.

    Raises:
        ArtistError: absolute keys have no weight to scale.
    """
    if mode == Mode.ABSOLUTE and playback.strength != 1:
        raise ArtistError(
            "Absolute shape keys cannot be blended with the rest pose.", "Use relative shape keys, or strength 1."
        )


def rebuild_curves(
    object: bpy.types.Object, strength: float | None = None, speed: float | None = None, loop: Loop | str | None = None
) -> Written:
    """Change how an animation plays; None keeps a value.

    Args:
        strength: 0 is the rest pose, 1 the motion, 2 twice the motion.
        speed: 2 plays twice as fast; the first pose keeps its frame.
    Raises:
        ArtistError: the object has no animation of ours, its keys were removed, or a number is out of range.
    """
    key, record = recorded_key(object)
    if key.library is not None or key.override_library is not None:
        raise ArtistError(
            f"The shape keys of {object.name} are linked from another file.", "Make it local.", "object.make_local"
        )
    require_all_keys(object, record)
    before = record.playback
    playback = Playback(
        strength=before.strength if strength is None else strength,
        speed=before.speed if speed is None else speed,
        loop=before.loop if loop is None else Loop(loop),
    )
    check_playback(record.mode, playback)
    changed = replace(record, playback=playback)
    fcurves.own_action(key, object.name)
    write_curves(key, changed)
    write_record(key, changed)
    return written(key, changed)


def recorded_key(object: bpy.types.Object) -> tuple[bpy.types.Key, Record]:
    """Return the shape keys of an object with an ActionMesh animation, and its record.

    Raises:
        ArtistError: the object has no animation of ours, or all are on NLA tracks.
    """
    key = getattr(object.data, "shape_keys", None)
    record = active_record(key)
    if record is not None:
        return key, record
    if key is not None and (laid_prefixes(key) or read_record(key) is not None):
        problem = f"All results of {object.name} are on NLA tracks."
        raise ArtistError(problem, "Take one up again to change it (Result > Tracks).")
    raise ArtistError(f"{object.name} has no ActionMesh animation.", "Animate it first.")


def active_record(key: bpy.types.Key | None) -> Record | None:
    """Return the record of the result that the Key plays itself; None if there is none, or if it is on a track."""
    record = None if key is None else read_record(key)
    return None if record is None or is_down(key, record) else record


def is_down(key: bpy.types.Key, record: Record) -> bool:
    """Return whether a result's curves are in NLA strips alone: Blender's own Push Down moves them there, too."""
    paths = paths_of(key, record)
    if any(curve.data_path in paths for curve in fcurves.curves(key)):
        return False
    return next(strips_of(key, paths), None) is not None


def require_all_keys(object: bpy.types.Object, record: Record) -> None:
    """Raise ArtistError if keys of an object's animation were removed."""
    found = len(pose_keys(object.data.shape_keys, record.keys))
    if found != record.key_count:
        problem = f"{object.name} has only {found} of its {record.key_count} ActionMesh shape keys."
        raise ArtistError(problem, "Bring the result back from History.")


def written(key: bpy.types.Key, record: Record) -> Written:
    """Return what an animation consists of, including a loop's way back to its first pose."""
    start, end = whole_range(knots(record.frames, record.playback.loop))
    return Written(tuple(block.name for block in pose_keys(key, record.keys)), start, end)
