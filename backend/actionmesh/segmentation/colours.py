"""Colours of the subject and of its background, as histograms over many frames."""

import numpy as np
from scipy.ndimage import gaussian_filter

BINS = 16
"""Bins of each channel."""
SPREAD = 0.8
"""Bins over which a colour counts, against noise."""
SURE = 4.0
"""Largest logarithm of the odds that a colour alone gives."""


class Colours:
    """Counts of the colours inside and outside the subject."""

    def __init__(self) -> None:
        self._counts = np.zeros((2, BINS**3))

    def add(self, frame: np.ndarray, inside: np.ndarray, outside: np.ndarray, share: float = 1.0) -> None:
        """Count the colours of a frame (H, W, 3) uint8.

        Args:
            inside, outside: (H, W) float, how far each pixel counts as either.
            share: how far this frame counts; what was counted before keeps 1 - share. 1 adds instead.
        """
        places = _bins(frame).ravel()
        for side, weights in enumerate((inside, outside)):
            found = np.bincount(places, weights.ravel().astype(np.float64), BINS**3)
            if share < 1 and found.sum() > 0:
                total = self._counts[side].sum()
                self._counts[side] *= 1 - share
                found = found * (share * total / found.sum() if total else 1.0)
            self._counts[side] += found

    def odds(self) -> np.ndarray:
        """Return the logarithm of the odds of each colour (BINS^3) that it is the subject's; 0 for an unseen one."""
        shares = []
        for counts in self._counts:
            smooth = gaussian_filter(counts.reshape(BINS, BINS, BINS), SPREAD, mode="nearest").ravel()
            shares.append(smooth / max(smooth.sum(), 1e-9))
        floor = 2e-5
        return np.log((shares[0] + floor) / (shares[1] + floor)).clip(-SURE, SURE).astype(np.float32)


def look_up(odds: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Return the odds (H, W) float32 of the colours of a frame (H, W, 3) uint8."""
    return odds[_bins(frame)]


def _bins(frame: np.ndarray) -> np.ndarray:
    step = 256 // BINS
    red, green, blue = (frame[..., channel].astype(np.int32) // step for channel in range(3))
    return (red * BINS + green) * BINS + blue
