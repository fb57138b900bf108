"""Which frame to make a relief of: the one that shows the most of arms and legs apart from the rest.

What overlaps in that frame is joined in its relief, even if later frames show it apart.
"""

from collections.abc import Callable

import cv2
import numpy as np

from ..media.clip import fitted_size
from ..media.mask_distance import mask_distance
from ..media.subject_crops import SubjectCrops
from .spacing import half_thickness

WORKING_SIDE = 384
"""Pixels along the longer side of the crops in which limbs are searched for."""
THIN = 0.5
"""Share of the greatest thickness in all frames at which a part stops counting; thinner parts count more."""
RADII = 1.2 ** np.arange(0, 32)
"""Radii, in working pixels, of the discs that measure how thick a part is."""


def frame_with_most_limbs(crops: SubjectCrops, check: Callable[[], None] = lambda: None) -> int:
    """Return the frame that shows most of the parts that are thin relative to the thickest one.

    Of equal frames the first is returned.

    Args:
        check: called before each frame; what it raises stops the work.
    """
    thicknesses = []
    for crop in crops:
        check()
        thicknesses.append(_thicknesses(crop[..., 3]))
    thickest = max(float(found.max(initial=0)) for found in thicknesses)
    limit = max(THIN * thickest, 1e-6)
    return int(np.argmax([np.clip(1 - found / limit, 0, None).sum() for found in thicknesses]))


def _thicknesses(alpha: np.ndarray) -> np.ndarray:
    """Return half the thickness (n,) at each pixel inside a mask (h, w) uint8."""
    size = fitted_size(alpha.shape[1], alpha.shape[0], WORKING_SIDE)
    mask = np.pad((cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) >= 128).astype(np.uint8), 1)
    return half_thickness(mask_distance(mask), RADII)[mask > 0]
