"""Fewer poses for the same motion: every n-th pose is kept, and straight lines replace the others."""

import numpy as np

from ..errors import ArtistError


def kept_poses(count: int, step: int, reference: int) -> np.ndarray:
    """Return (K,) increasing indices of the kept poses: every `step`-th from the first, the last, and the reference.

    Raises:
        ArtistError: the step is below 1.
    """
    if step < 1:
        raise ArtistError(f"The step between kept frames is {step}.", "Use 1 or more.")
    return np.array(sorted({*range(0, count, step), count - 1, reference}))


def thinning_error(displacements: np.ndarray, frames: np.ndarray, kept: np.ndarray, size: float) -> float:
    """Return the greatest distance of a vertex from the straight line between kept poses, as a fraction of `size`.

    Args:
        displacements: (T, V, 3) poses minus basis, or the poses themselves.
        frames: (T,) when each pose is reached, increasing.
        kept: from `kept_poses`.
        size: diagonal of the basis's bounding box.
    """
    greatest = 0.0
    for pose in range(len(frames)):
        after = min(int(np.searchsorted(kept, pose)), len(kept) - 1)
        low, high = kept[max(after - 1, 0)], kept[after]
        if pose in (low, high):
            continue
        share = (frames[pose] - frames[low]) / (frames[high] - frames[low])
        line = (1 - share) * displacements[low] + share * displacements[high]
        greatest = max(greatest, float(np.linalg.norm(displacements[pose] - line, axis=-1).max()))
    return greatest / float(size)
