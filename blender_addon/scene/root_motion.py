"""The motion of an animated mesh as a whole, as the object's own location and rotation, and back into its shape keys.

What is seen stays the same, both ways: the keys hold the motion in place, and the object's curves carry it. They are
read and written at the poses' frames, so a change of speed afterwards does not reach them.
"""

from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Euler, Matrix, Quaternion

from ..errors import ArtistError
from ..motion.root import Rigid, Turn, areas, body_motion
from ..motion.weights import Loop, knots
from . import fcurves
from .animation_record import Record
from .meshes import read_triangles
from .rewriting import read_for_rewriting, rewrite

HOME = "actionmesh_root"
"""The object's property that holds its location and rotation before its root motion was extracted."""
CLOSE, SMALLEST = 1e-6, 1e-12
PATHS = ("location", "rotation_euler", "rotation_quaternion", "rotation_axis_angle")


@dataclass(frozen=True)
class Rooted:
    """A motion that was split.

    Args:
        length: world units from the place of the first pose to that of the last.
        angle: radians between the rotations of the first pose and the last.
    """

    length: float
    angle: float


def moves_itself(object: bpy.types.Object) -> bool:
    """Return whether the object's own location or rotation is animated."""
    return bool(_own_motion(object))


def _own_motion(object: bpy.types.Object) -> list[bpy.types.FCurve]:
    return [curve for curve in fcurves.curves(object) if curve.data_path in PATHS]


def extract_root_motion(
    object: bpy.types.Object, turn: Turn = Turn.UP, upward: bool = False
) -> Generator[None, None, Rooted]:
    """Move an animation's motion as a whole from its shape keys to the object's location and rotation.

    Args:
        turn, upward: see `root.body_motion`; up is the world's Z.
    Raises:
        ArtistError: the object has no animation that can be changed, or its location or rotation cannot be keyed.
    """
    motion, record = read_for_rewriting(object)
    _check(object)
    if moves_itself(object):
        problem = f"{object.name} already moves as an object."
        raise ArtistError(problem, "Apply its root motion first.", "actionmesh.apply_root_motion")
    yield
    home, strength = np.array(object.matrix_basis, np.float64), record.playback.strength or 1.0
    linear, place = home[:3, :3], home[:3, 3]
    poses = np.empty(motion.displacements.shape)
    for pose, move in enumerate(motion.displacements):
        poses[pose] = (motion.basis + strength * move) @ linear.T + place
        yield
    triangles, rest = read_triangles(object.data), poses[record.reference_frame]
    yield
    weights = areas(rest, triangles)
    yield
    rigid = yield from body_motion(poses, rest, weights, turn, _up(object), upward)
    back, moves = np.linalg.inv(linear), motion.displacements.copy()
    for pose in range(len(poses)):
        if pose != record.reference_frame:
            still = (rigid.undo(pose, poses[pose]) - place) @ back.T
            moves[pose] = (still - motion.basis) / strength
        yield
    with ExitStack() as undo:
        places, turns = _places(object, rigid)
        _key(object, record, places, turns, undo)
        yield from rewrite(object, record, motion.basis, moves)
        undo.pop_all()
    across = _parent(object) @ (places[-1] - places[0])
    cosine = (np.trace(rigid.turns[0].T @ rigid.turns[-1]) - 1) / 2
    return Rooted(float(np.linalg.norm(across)), float(np.arccos(np.clip(cosine, -1, 1))))


def apply_root_motion(object: bpy.types.Object) -> Generator[None, None, None]:
    """Move an object's own animated location and rotation into its shape keys; the inverse of `extract_root_motion`.

    The object returns to where it was before the extraction; one that was keyed otherwise, to where it is at the
    reference pose.

    Raises:
        ArtistError: the object has no animation that can be changed, or does not move by itself.
    """
    motion, record = read_for_rewriting(object)
    _check(object)
    if not moves_itself(object):
        raise ArtistError(f"{object.name} does not move as an object.", "Extract its root motion first.")
    yield
    frames, strength = record.frames, record.playback.strength or 1.0
    home = _home(object, frames[record.reference_frame])
    back, moves = np.linalg.inv(_matrix(object, *home)), motion.displacements.copy()
    for pose, frame in enumerate(frames):
        there = back @ _matrix(object, *_keyed(object, frame))
        if not np.allclose(there, np.eye(4), rtol=0, atol=CLOSE):
            places = (motion.basis + strength * moves[pose]) @ there[:3, :3].T + there[:3, 3]
            moves[pose] = (places - motion.basis) / strength
        yield
    yield from rewrite(object, record, motion.basis, moves)
    _release(object, *home)


def trim_root(object: bpy.types.Object, first: float, last: float) -> None:
    """Cut an extracted root motion to the frames of a loop, and let it go on from where each round ends."""
    if HOME not in object:
        return
    for curve in _own_motion(object):
        points = fcurves.read_points(curve)
        inside = (points[:, 0] >= first - CLOSE) & (points[:, 0] <= last + CLOSE)
        if inside.sum() > 1:
            fcurves.set_points(curve, points[inside])
            fcurves.set_loop(curve, Loop.LOOP, onward=curve.data_path != "rotation_quaternion")


def carries_root(object: bpy.types.Object) -> bool:
    """Return whether the object's own motion is root motion that was extracted from its shape keys."""
    return HOME in object and moves_itself(object)


def home_matrix(object: bpy.types.Object) -> np.ndarray:
    """Return the (4, 4) own matrix of an object before its root motion was extracted."""
    return _matrix(object, *_home(object, 0.0))


def release_root(object: bpy.types.Object) -> None:
    """Take an extracted root motion off an object for good, and put the object back in its place.

    Raises:
        ArtistError: an NLA strip of the object is open for editing.
    """
    _release(object, *_home(object, 0.0))


def _check(object: bpy.types.Object) -> None:
    name, animation = object.name, object.animation_data
    if object.rotation_mode == "AXIS_ANGLE":
        raise ArtistError(f"{name} turns by axis and angle.", "Set its rotation mode to XYZ Euler.")
    if animation is not None and any(driver.data_path in PATHS for driver in animation.drivers):
        raise ArtistError(f"The location or rotation of {name} has drivers.", "Remove them first.")
    deltas = (*object.delta_location, *object.delta_rotation_euler, *object.delta_rotation_quaternion[1:])
    if any(deltas):
        raise ArtistError(f"{name} has a delta transform.", "Set it to 0 and move the object itself.")
    if abs(object.matrix_basis.determinant()) < SMALLEST:
        raise ArtistError(f"{name} is scaled flat.", "Give it a scale in all directions.")


def _parent(object: bpy.types.Object) -> np.ndarray:
    """Return the (3, 3) matrix from the axes of the object's location to those of the world."""
    return np.array(object.matrix_world @ object.matrix_basis.inverted(), np.float64)[:3, :3]


def _up(object: bpy.types.Object) -> np.ndarray:
    """Return the world's Z as a (3,) unit vector in the axes of the object's location."""
    up = np.linalg.inv(_parent(object))[:, 2]
    return up / np.linalg.norm(up)


def _places(object: bpy.types.Object, rigid: Rigid) -> tuple[np.ndarray, np.ndarray]:
    """Return the (T, 3) locations and the (T, N) rotation values, in its rotation mode, of an object that moves."""
    at, turned = np.array(object.location, np.float64), np.array(_rotation(object).to_matrix(), np.float64)
    places = rigid.turns @ at + rigid.moves
    rotations, before = [], _rotation(object)
    for turn in rigid.turns:
        matrix = Matrix((turn @ turned).tolist())
        if isinstance(before, Quaternion):
            after = matrix.to_quaternion()
            after.make_compatible(before)
        else:
            after = matrix.to_euler(object.rotation_mode, before)
        rotations.append(tuple(after))
        before = after
    return places, np.array(rotations)


def _rotation(object: bpy.types.Object) -> Euler | Quaternion:
    if object.rotation_mode == "QUATERNION":
        return object.rotation_quaternion.normalized()
    return object.rotation_euler.copy()


def _rotation_path(object: bpy.types.Object) -> str:
    return "rotation_quaternion" if object.rotation_mode == "QUATERNION" else "rotation_euler"


def _key(object: bpy.types.Object, record: Record, places: np.ndarray, turns: np.ndarray, undo: ExitStack) -> None:
    """Key the location, and the rotation if it changes, at the poses' frames; they repeat as the poses do."""
    undo.callback(fcurves.own_action(object, object.name))
    undo.callback(_forget, object)
    object[HOME] = {
        "location": list(object.location),
        "rotation": list(_rotation(object)),
        "mode": object.rotation_mode,
    }
    loop = record.playback.loop
    frames = knots(record.frames, loop)
    paths = [("location", places)]
    if np.ptp(turns, axis=0).max() > CLOSE:
        paths.append((_rotation_path(object), turns))
    for path, values in paths:
        repeated = np.concatenate([values, values[: len(frames) - len(values)]])
        fcurves.play(object, path, frames, repeated, loop)
    object.update_tag()


def _forget(object: bpy.types.Object) -> None:
    fcurves.remove(object, PATHS)
    if HOME in object:
        del object[HOME]


def _home(object: bpy.types.Object, frame: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the location and the rotation values to which an object returns."""
    kept = object.get(HOME)
    if kept is not None and kept.get("mode") == object.rotation_mode:
        return np.array(kept["location"], np.float64), np.array(kept["rotation"], np.float64)
    return _keyed(object, frame)


def _keyed(object: bpy.types.Object, frame: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the location and the rotation values of an object at a frame, from its curves."""
    place, turn = np.array(object.location, np.float64), np.array(_rotation(object), np.float64)
    for curve in _own_motion(object):
        if curve.data_path == "location":
            place[curve.array_index] = curve.evaluate(frame)
        elif curve.data_path == _rotation_path(object):
            turn[curve.array_index] = curve.evaluate(frame)
    return place, turn


def _matrix(object: bpy.types.Object, place: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Return the (4, 4) matrix of an object at a place, with its scale."""
    rotation = Quaternion(turn) if object.rotation_mode == "QUATERNION" else Euler(turn, object.rotation_mode)
    return np.array(Matrix.LocRotScale(place.tolist(), rotation, object.scale), np.float64)


def _release(object: bpy.types.Object, place: np.ndarray, turn: np.ndarray) -> None:
    """Remove the object's motion and leave it at a place; an action that is empty then goes too."""
    fcurves.own_action(object, object.name)
    _forget(object)
    fcurves.drop_empty_action(object)
    object.location = place.tolist()
    setattr(object, _rotation_path(object), turn.tolist())
    object.update_tag()
