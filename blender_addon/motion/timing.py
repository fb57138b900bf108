"""Convert seconds of a motion into frames of a scene."""

import numpy as np

SNAP = 1e-3
"""Frames; a pose this close to a whole frame is put on it, so that rounding in a clip's times does not blur poses."""


def frames_per_second(fps: int, fps_base: float) -> float:
    """Return the rate at which a scene plays; Blender stores 29.97 as 30 / 1.001."""
    return fps / fps_base


def pose_frames(times: np.ndarray, start: float, rate: float, speed: float = 1.0) -> np.ndarray:
    """Return the (T,) float64 scene frames of the poses; the first lies on `start`.

    Args:
        times: (T,) seconds, increasing.
        start: scene frame of the first pose.
        rate: frames per second of the scene.
        speed: 2 plays twice as fast; the first pose stays where it is.
    """
    frames = start + (np.asarray(times, np.float64) - times[0]) * (rate / speed)
    whole = np.round(frames)
    return np.where(np.abs(frames - whole) < SNAP, whole, frames)


def whole_range(frames: np.ndarray) -> tuple[int, int]:
    """Return the first and last whole frame between which all of `frames` lie."""
    return int(np.floor(frames[0])), int(np.ceil(frames[-1]))
