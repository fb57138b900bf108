"""The picture on a relief: what the anchor frame shows, with its colours continued beyond the outline.

Pixels at the outline are mixed with the background, and masks are a pixel or two too wide, so these pixels are not
used.
"""

import cv2
import numpy as np

from ..media.clip import fitted_size
from ..media.mask_distance import mask_distance
from ..media.subject_crops import box_of
from ..painting.spreading import spread_colours

LARGEST_SIDE = 2048
RIM, LEAST_RIM = 3.0, 1.5
"""Width inside the mask whose colours are not used, in pixels of the frame; and its least width in pixels of the
picture."""
THIN = 0.7
"""Share of half a part's thickness that is not used, where a part is thinner than the rim."""
MARGIN = 4
"""Border of the picture around the subject, in pixels of the crop."""


def texture_of(crop: np.ndarray) -> tuple[np.ndarray, tuple[float, float], tuple[float, float]]:
    """Return the picture of a crop's subject, and where it lies in the crop.

    Args:
        crop: (h, w, 4) uint8 with straight alpha.
    Returns:
        picture (H, W, 3) uint8, at most 2048 pixels a side; the crop's (column, row) of its upper left corner; and
            the (width, height) in crop pixels that it covers.
    """
    box = box_of(crop[..., 3] >= 128)
    assert box is not None
    padded = np.pad(crop[box.slices()], ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)))
    height, width = padded.shape[:2]
    fitted = cv2.resize(padded, fitted_size(width, height, LARGEST_SIDE), interpolation=cv2.INTER_AREA)
    rim = max(LEAST_RIM, RIM * fitted.shape[0] / height)
    picture = spread_colours(fitted[..., :3], trusted_pixels(fitted[..., 3] >= 128, rim))
    return picture, (box.left - MARGIN, box.top - MARGIN), (width, height)


def trusted_pixels(mask: np.ndarray, rim: float) -> np.ndarray:
    """Return the pixels (h, w) bool that lie well inside a mask (h, w) bool; of thin parts, those along the middle."""
    distance = mask_distance(np.pad(mask, 1))
    side = 2 * int(np.ceil(rim)) + 1
    middle = cv2.dilate(distance, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    return ((distance > np.minimum(rim, THIN * middle)) & (distance > 0))[1:-1, 1:-1]
