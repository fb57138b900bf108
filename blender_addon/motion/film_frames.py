"""Which frame of a clip goes with each frame of the scene, when the clip plays behind the animation made from it."""

import numpy as np

from .weights import Loop, knots


def shown_frames(
    scene_frames: np.ndarray, pose_frames: np.ndarray, times: np.ndarray, loop: Loop, first: int, rate: float
) -> np.ndarray:
    """Return (N,) int64: frames of the clip, counted from 0.

    Args:
        scene_frames: (N,) whole frames of the scene.
        pose_frames: (T,) scene frames of the poses, increasing.
        times: (T,) seconds of the poses from the first chosen frame of the clip.
        loop: what comes after the last pose.
        first: the first chosen frame of the clip.
        rate: frames per second of the clip.
    """
    passed = np.interp(_within(scene_frames, pose_frames, loop), pose_frames, times) - times[0]
    return first + np.rint(passed * rate).astype(np.int64)


def _within(scene_frames: np.ndarray, pose_frames: np.ndarray, loop: Loop) -> np.ndarray:
    """Return the scene frames at which the animation, played once, shows what it shows at `scene_frames`."""
    start, length = pose_frames[0], pose_frames[-1] - pose_frames[0]
    passed = np.maximum(scene_frames - start, 0.0)
    if loop == Loop.LOOP:
        passed = passed % max(knots(pose_frames, loop)[-1] - start, 1e-9)
    elif loop == Loop.PING_PONG and length > 0:
        passed = length - abs(length - passed % (2 * length))
    return start + passed
