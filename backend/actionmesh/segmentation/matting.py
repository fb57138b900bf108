"""A small mask at the size of a larger frame, with its outline on the frame's own edges.

Guided filter: He, Sun and Tang 2010, with its coefficients computed at the small size (He and Sun 2015).
"""

import cv2
import numpy as np

REACH = 2
"""Pixels of the small mask over which the frame's edges may move its outline."""
SMOOTH = 60.0
"""Variance of grey values (0 to 255) below which a place has no edges."""
STEEP = 2.0
"""How much steeper the outline becomes: a blurred one would show the background."""


def enlarged(mask: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Return a mask (h, w) uint8 as the alpha (H, W) uint8 of a frame (H, W, 3) uint8."""
    height, width = frame.shape[:2]
    if mask.shape == (height, width):
        return mask
    grey = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY)
    guide = cv2.resize(grey, mask.shape[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
    alpha = mask.astype(np.float32) / np.float32(255)
    side = (2 * REACH + 1, 2 * REACH + 1)
    mean, middle = cv2.boxFilter(guide, -1, side), cv2.boxFilter(alpha, -1, side)
    slope = (cv2.boxFilter(guide * alpha, -1, side) - mean * middle) / (
        cv2.boxFilter(guide * guide, -1, side) - mean * mean + SMOOTH
    )
    offset = cv2.boxFilter(middle - slope * mean, -1, side)
    large = [
        cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR)
        for part in (cv2.boxFilter(slope, -1, side), offset, middle)
    ]
    far = large[2]
    soft = STEEP * (large[0] * grey + large[1] - 0.5) + 0.5
    clear = np.where(far < 0.02, 0, np.where(far > 0.98, 1, soft.clip(0, 1)))
    return np.rint(255 * clear).astype(np.uint8)
