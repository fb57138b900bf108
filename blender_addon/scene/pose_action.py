"""The poses of an armature as a new action: the artist's rotation modes, and curves without flips."""

from collections.abc import Generator
from contextlib import ExitStack

import bpy
import numpy as np

from ..motion.bone_motion import continuous, quaternions
from ..motion.joints import LOCATION, ROTATION, SCALE, Joints, Pose, euler
from ..motion.weights import Loop
from . import fcurves


def write_poses(
    armature: bpy.types.Object,
    name: str,
    joints: Joints,
    frames: np.ndarray,
    poses: list[Pose],
    loop: Loop,
    undo: ExitStack,
) -> Generator[None, None, bpy.types.Action]:
    """Key the channels that may change in a new action; all else that the earlier one animates stays animated by it.

    Args:
        frames: (T,) scene frames, increasing.
        poses: T of them.
        undo: takes what restores the armature.
    Raises:
        ArtistError: an NLA strip of the armature is open for editing.
    """
    undo.callback(fcurves.fresh_action(armature, name))
    values = np.stack([pose.values for pose in poses], axis=1)
    turns = np.stack([pose.turns for pose in poses], axis=1)
    for number, bone in enumerate(joints.names):
        posed = armature.pose.bones[bone]
        for path, columns in _channels(posed, joints, number, values[number], turns[number]):
            whole = f'pose.bones["{bpy.utils.escape_identifier(bone)}"].{path}'
            fcurves.remove(armature, [whole])
            fcurves.play(armature, whole, frames, columns, loop, bone)
        yield
    armature.update_tag()
    action: bpy.types.Action = armature.animation_data.action
    return action


def _channels(
    posed: bpy.types.PoseBone, joints: Joints, number: int, values: np.ndarray, turns: np.ndarray
) -> list[tuple[str, np.ndarray]]:
    """Return the data paths that a bone needs, each with its values (T, N)."""
    free, found = joints.free[number], []
    if free[LOCATION].any():
        found.append(("location", values[:, LOCATION]))
    if free[ROTATION].any():
        found.append(_rotations(posed, joints.orders[number], values[:, ROTATION], turns))
    if free[SCALE].any():
        found.append(("scale", values[:, SCALE]))
    return found


def _rotations(posed: bpy.types.PoseBone, order: str, angles: np.ndarray, turns: np.ndarray) -> tuple[str, np.ndarray]:
    """Return the path and the values (T, N) of rotations in a bone's own mode, each near the one before."""
    mode = posed.rotation_mode
    if mode == "QUATERNION":
        return "rotation_quaternion", continuous(quaternions(turns))
    if mode == "AXIS_ANGLE":
        return "rotation_axis_angle", axis_angles(continuous(quaternions(turns)))
    if mode == order:
        return "rotation_euler", angles
    near, found = np.array(posed.rotation_euler, np.float64), []
    for turn in turns:
        near = euler(mode, turn, near)
        found.append(near)
    return "rotation_euler", np.array(found)


def axis_angles(rotations: np.ndarray) -> np.ndarray:
    """Return angles and axes (T, 4) of continuous quaternions (T, 4), wxyz; an axis keeps its side."""
    lengths = np.linalg.norm(rotations[:, 1:], axis=1)
    found, axis = np.empty(rotations.shape), np.array([0.0, 1.0, 0.0])
    for moment, (rotation, length) in enumerate(zip(rotations, lengths, strict=True)):
        side = -1.0 if length > 1e-9 and moment and rotation[1:] @ axis < 0 else 1.0
        axis = side * rotation[1:] / length if length > 1e-9 else axis
        found[moment] = 2 * np.arctan2(side * length, rotation[0]), *axis
    found[:, 0] = np.unwrap(found[:, 0])
    return found
