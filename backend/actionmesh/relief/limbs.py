"""Which frame to make a relief of: where the most of arms and legs is seen apart from the rest.

What lies before something else in the frame is one with it in its relief, whatever the clip shows later.
"""

from collections.abc import Callable

import cv2
import numpy as np

from ..media.subject_crops import SubjectCrops
from .spacing import distances, half_thickness

WORKING_SIDE = 384
"""Pixels along the longer side of the crops in which limbs are looked for."""
THIN = 0.5
"""Times the thickness of the thickest part of any frame: what is no thinner does not count, and the thinner the more."""
RADII = 1.2 ** np.arange(0, 32)
"""Working pixels of the discs that tell how thick a part is."""


def frame_with_most_limbs(crops: SubjectCrops, check: Callable[[], None] = lambda: None) -> int:
    """Return the frame in which parts that are thin beside the thickest one show the most; the first of equal ones.

    Args:
        check: called before each frame; what it raises ends the work.
    """
    thicknesses = []
    for crop in crops:
        check()
        thicknesses.append(_thicknesses(crop[..., 3]))
    thickest = max(float(found.max(initial=0)) for found in thicknesses)
    limit = max(THIN * thickest, 1e-6)
    return int(np.argmax([np.clip(1 - found / limit, 0, None).sum() for found in thicknesses]))


def _thicknesses(alpha: np.ndarray) -> np.ndarray:
    """(n,) half the thickness at each pixel inside a mask (h, w) uint8."""
    shrink = min(1.0, WORKING_SIDE / max(alpha.shape))
    size = max(1, round(alpha.shape[1] * shrink)), max(1, round(alpha.shape[0] * shrink))
    mask = np.pad((cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) >= 128).astype(np.uint8), 1)
    return half_thickness(distances(mask), RADII)[mask > 0]
