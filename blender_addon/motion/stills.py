"""Whether pictures of a motion show motion: how many of them hardly differ from the one before."""

from collections.abc import Iterable

import numpy as np

SEEN = 8
"""A pixel differs if it changes by more than this, of 255."""
LEAST = 1e-3
"""Share of pixels that differ if something moved."""
MOST = 0.5
"""Share of pictures that may be like the one before."""


def count_stills(pictures: Iterable[np.ndarray]) -> tuple[int, int]:
    """Return how many pictures (H, W, 4) uint8 are like the one before, and how many have one before."""
    stills = steps = 0
    before: np.ndarray | None = None
    for picture in pictures:
        if before is not None:
            differs = np.abs(picture.astype(np.int16) - before).max(axis=-1) > SEEN
            stills, steps = stills + bool(differs.mean() < LEAST), steps + 1
        before = picture
    return stills, steps


def hardly_moves(stills: int, steps: int) -> bool:
    """Return whether enough pictures show no motion that the artist should know."""
    return steps > 0 and stills > MOST * steps
