"""How much a motion moves and how much it trembles, as numbers without a unit."""

import numpy as np

SAMPLE = 4096
"""Vertices on which amounts are measured and seams searched; larger meshes are sampled evenly."""


def sampled(poses: np.ndarray) -> np.ndarray:
    """Return every n-th vertex of poses (T, V, 3) as (T, W, 3) float64; W is at most SAMPLE."""
    return poses[:, :: -(-poses.shape[1] // SAMPLE)].astype(np.float64)


def amplitude(poses: np.ndarray) -> float:
    """Return how far the vertices of poses (T, V, 3) are from their mean places (RMS, in the unit of the poses)."""
    part = sampled(poses)
    return float(np.sqrt(np.square(part - part.mean(axis=0)).sum(axis=-1).mean()))


def jitter(poses: np.ndarray, times: np.ndarray, lasts: float = 0.0) -> float:
    """Return twice the mean distance of poses (T, V, 3) from the line between their neighbours, in their unit.

    At even times that is the length of the second differences. White noise of deviation s in each coordinate adds
    sqrt(6) s to each coordinate of a second difference, smooth motion hardly anything.

    Args:
        times: (T,) seconds, increasing.
        lasts: seconds from the first pose to its return in a loop; 0 if the motion does not repeat.
    """
    part = sampled(poses)
    if lasts:
        part = np.concatenate([part[-1:], part, part[:1]])
        times = np.concatenate([times[-1:] - lasts, times, times[:1] + lasts])
    if len(part) < 3:
        return 0.0
    share = ((times[1:-1] - times[:-2]) / (times[2:] - times[:-2]))[:, None, None]
    between = (1 - share) * part[:-2] + share * part[2:]
    return float(2 * np.linalg.norm(part[1:-1] - between, axis=-1).mean())
