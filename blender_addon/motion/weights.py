"""How much of each pose shows at each frame: the points of the animation curves, which straight lines join.

With one shape key per pose, a key's weight is a tent: 1 at its own pose, 0 at all others. Between two poses their
weights add up to 1, so the mesh moves in a straight line from one to the next.

All curves of a motion begin and end at the same frames, so repeating each curve repeats the motion.
"""

from enum import StrEnum

import numpy as np

JUMP = 0.01
"""Frames that a jump takes; if it were much shorter, Blender would treat its two ends as one."""


class Loop(StrEnum):
    """What comes after the last pose: nothing, the first pose again, or the way back."""

    NONE = "NONE"
    LOOP = "LOOP"
    PING_PONG = "PING_PONG"


def knots(frames: np.ndarray, loop: Loop) -> np.ndarray:
    """Return the (K,) frames at which the curves may bend.

    A loop gets one more: it reaches the first pose again after a usual step (the median), so that the motion does not
    jump back.
    """
    if loop != Loop.LOOP or len(frames) < 2:
        return frames
    return np.append(frames, frames[-1] + np.median(np.diff(frames)))


def tent(frames: np.ndarray, pose: int, loop: Loop = Loop.NONE, height: float = 1.0) -> np.ndarray:
    """Return the (N, 2) points (frame, weight) of one pose's key; N is at most 6.

    Args:
        frames: (T,) scene frames of the poses, increasing.
        pose: index into `frames`.
        height: weight at the pose.
    """
    bends = knots(frames, loop)
    peaks = [pose, len(bends) - 1] if pose == 0 and len(bends) > len(frames) else [pose]
    near = {peak + side for peak in peaks for side in (-1, 0, 1)} | {0, len(bends) - 1}
    indices = [index for index in sorted(near) if 0 <= index < len(bends)]
    weights = [height if index in peaks else 0.0 for index in indices]
    return np.stack([bends[indices], weights], axis=1)


def samples(frames: np.ndarray, weights: np.ndarray, loop: Loop = Loop.NONE) -> np.ndarray:
    """Return the (N, 2) points (frame, weight) of a key that shows in many poses.

    Args:
        frames: (T,) scene frames of the poses, increasing.
        weights: (T,) its weight in each pose.
    """
    bends = knots(frames, loop)
    return np.stack([bends, np.append(weights, weights[: len(bends) - len(frames)])], axis=1)


def course(frames: np.ndarray, positions: np.ndarray, loop: Loop = Loop.NONE) -> np.ndarray:
    """Return the (N, 2) points of one curve that runs through the poses' positions, for absolute shape keys.

    A loop holds the last pose until the first comes again, because the straight way back passes all other poses.

    Args:
        frames: (T,) scene frames of the poses, increasing.
        positions: (T,) the value that shows each pose.
    """
    points = np.stack([frames, positions], axis=1)
    if loop != Loop.LOOP or len(frames) < 2:
        return points
    end = knots(frames, loop)[-1]
    return np.concatenate([points, [[end - JUMP, positions[-1]], [end, positions[0]]]])
