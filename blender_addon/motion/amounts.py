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


def jitter(poses: np.ndarray, closed: bool = False) -> float:
    """Return the mean length of the second differences of poses (T, V, 3), in the unit of the poses.

    White noise of deviation s in each coordinate adds sqrt(6) s to each coordinate of a second difference, smooth
    motion hardly anything.

    Args:
        closed: the first pose follows the last.
    """
    part = sampled(poses)
    if closed:
        part = np.concatenate([part[-1:], part, part[:1]])
    if len(part) < 3:
        return 0.0
    return float(np.linalg.norm(part[2:] - 2 * part[1:-1] + part[:-2], axis=-1).mean())
