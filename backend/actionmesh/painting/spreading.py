"""Colours beyond where they are known: smooth, and continuous at the border (push and pull; Gortler et al. 1996).

Known colours are averaged to half the size again and again, until all pixels are known; then each size fills the
gaps of the next.
"""

import cv2
import numpy as np


def spread_colours(picture: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return a picture whose unknown pixels have the colours of nearby known ones; known ones stay as they are.

    Args:
        picture: (h, w, 3) uint8 or float32.
        known: (h, w) bool, not all false.
    Returns:
        (h, w, 3) of the same type.
    """
    assert known.any()
    if known.all():
        return picture
    weight = known.astype(np.float32)
    filled = _coarse(picture.astype(np.float32) * weight[..., None], weight)
    if picture.dtype == np.uint8:
        filled = cv2.convertScaleAbs(filled)
    return np.where(known[..., None], picture, filled)


def _coarse(total: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return colours (h, w, 3) from half the size.

    Args:
        total: (h, w, 3), colours times their weight.
        weight: (h, w), 0 to 1.
    """
    height, width = weight.shape
    half = (width + 1) // 2, (height + 1) // 2
    small_weight = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)
    mean = cv2.resize(total, half, interpolation=cv2.INTER_AREA) / np.maximum(small_weight, 1e-6)[..., None]
    # a quarter of a pixel is enough to tell its colour
    trust = np.minimum(1, 4 * small_weight)[..., None]
    if trust.min() < 1 and half != (width, height):
        mean = mean * trust + _coarse(mean * trust, trust[..., 0]) * (1 - trust)
    return cv2.resize(mean, (width, height), interpolation=cv2.INTER_LINEAR)
