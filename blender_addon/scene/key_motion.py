"""The motion of an object's ActionMesh shape keys, which baking reads. The artist's own keys are not part of it."""

from dataclasses import dataclass, replace

import bpy
import numpy as np

from ..errors import ArtistError
from ..motion.timing import whole_range
from ..motion.weights import Loop
from . import fcurves
from .animation_record import Record
from .key_blocks import coordinates_of, pose_keys
from .key_weights import weights_at
from .meshes import read_basis
from .options import Mode, Playback
from .playback import paths_of, recorded_key, require_all_keys

ALIKE = 1e-3
"""Weights that differ by less count as unchanged since they were written."""


@dataclass(frozen=True)
class KeyMotion:
    """The poses of an animation, one after the other.

    Args:
        record: when they are reached and how they play, in relative mode; `displacements` do not include its strength.
        basis: (V, 3) float32.
        displacements: (T, V, 3) float32, poses minus basis.
    """

    record: Record
    basis: np.ndarray
    displacements: np.ndarray

    @property
    def size(self) -> float:
        """Diagonal of the basis's bounding box."""
        return float(np.linalg.norm(np.ptp(self.basis.astype(np.float64), axis=0)))


def read_key_motion(object: bpy.types.Object) -> KeyMotion:
    """Read the poses; curves that the artist has edited are sampled at every whole frame.

    Raises:
        ArtistError: the object has no ActionMesh animation, its keys are incomplete, or it is being edited.
    """
    key, record = animated_key(object)
    basis, frames = read_basis(object.data), record.frames
    moves = np.stack([coordinates_of(block) - basis for block in pose_keys(key)])
    written = record.key_weights
    if _as_written(key, frames, written * record.playback.strength):
        return KeyMotion(replace(record, mode=Mode.RELATIVE, weights=()), basis, _mix(written, moves))
    frames = _edited_frames(key, record)
    displacements = _mix(weights_at(key, frames, pose_keys(key)), moves)
    return KeyMotion(_record_of(record, frames, displacements), basis, displacements)


def animated_key(object: bpy.types.Object) -> tuple[bpy.types.Key, Record]:
    """Return the shape keys of an object with an ActionMesh animation, and its record.

    Raises:
        ArtistError: the object has no animation, keys are missing, or it is being edited.
    """
    key, record = recorded_key(object)
    if object.mode in {"EDIT", "SCULPT"}:
        raise ArtistError(f"{object.name} is being edited.", "Leave its mode first.", "object.mode_set")
    require_all_keys(object, record)
    return key, record


def _as_written(key: bpy.types.Key, frames: np.ndarray, weights: np.ndarray) -> bool:
    """Return whether the curves pass through the weights (T, K) and halfway between them."""
    middles = (frames[1:] + frames[:-1]) / 2
    now = weights_at(key, np.concatenate([frames, middles]), pose_keys(key))
    return np.allclose(now, np.concatenate([weights, (weights[1:] + weights[:-1]) / 2]), rtol=0, atol=ALIKE)


def _mix(weights: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Return (T, V, 3) float32 for weights (T, K) of displacements (K, V, 3)."""
    if np.array_equal(weights, np.eye(len(moves))):
        return moves
    return (weights.astype(np.float32) @ moves.reshape(len(moves), -1)).reshape(len(weights), *moves.shape[1:])


def _edited_frames(key: bpy.types.Key, record: Record) -> np.ndarray:
    """Return the whole frames that the curves span, without a loop's last one, which shows the first pose again."""
    curves = [
        curve for path in paths_of(key, record) if (curve := fcurves.find(key, path)) and len(curve.keyframe_points)
    ]
    if not curves:
        raise ArtistError(
            "The ActionMesh shape keys have no animation curves.", "Set their speed, which writes the curves again."
        )
    points = np.concatenate([fcurves.read_points(curve)[:, 0] for curve in curves])
    start, end = whole_range(np.array([points.min(), points.max()]))
    return np.arange(start, max(end + (record.playback.loop != Loop.LOOP), start + 1), dtype=np.float64)


def _record_of(record: Record, frames: np.ndarray, displacements: np.ndarray) -> Record:
    calmest = int(np.argmin([np.abs(pose).max() for pose in displacements]))
    times = tuple(((frames - frames[0]) / record.frames_per_second).tolist())
    playback = Playback(loop=record.playback.loop)
    edited = replace(record, times=times, start_frame=float(frames[0]), reference_frame=calmest)
    return replace(edited, mode=Mode.RELATIVE, playback=playback, weights=())
