"""How deep inside a mask each of its pixels lies."""

import cv2
import numpy as np


def mask_distance(mask: np.ndarray) -> np.ndarray:
    """Return the distance (h, w) float32, in pixels, from each pixel of a mask (h, w) to the nearest one outside it.

    OpenCV's last digits depend on where the mask lies in memory, and what follows enlarges them: the same clip would
    get another camera in the next run. Squared distances are whole numbers, so rounding them removes that.

    Args:
        mask: bool or uint8, not 0 inside, with at least one pixel outside.
    """
    about = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    exact: np.ndarray = np.sqrt(np.rint(about**2))
    return exact
