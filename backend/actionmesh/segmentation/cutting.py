"""The subject's outline in one frame: a graph cut between what is probably the subject and what is probably not.

GrabCut: Rother, Kolmogorov and Blake 2004.
"""

import cv2
import numpy as np

from ..media.subject_crops import Box, box_of

CERTAIN = 3.0
"""Logarithm of the odds above which a pixel is not questioned."""
DOUBTFUL = 1.0
"""A pixel whose log-odds are below minus this is surely background: a cut takes in too much more often than too little.
"""
ROUNDS = 2
MARGIN = 0.2
"""Margin around the subject in which its outline is sought, as a share of its box's longer side."""
SMALLEST_PART = 0.03
"""Parts below this share of the largest are specks."""


def cut(frame: np.ndarray, odds: np.ndarray) -> np.ndarray:
    """Return where a frame (H, W, 3) uint8 shows the subject, bool (H, W).

    Args:
        odds: (H, W) float32, the logarithm of the odds that a pixel is the subject's.
    """
    likely = odds > 0
    box = box_of(likely)
    if box is None or likely.sum() < 16:
        return likely
    rows, columns = _around(box)
    part, inner = np.ascontiguousarray(frame[rows, columns]), odds[rows, columns]
    marks = np.where(inner > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    marks[inner > CERTAIN], marks[inner < -DOUBTFUL] = cv2.GC_FGD, cv2.GC_BGD
    result = np.zeros_like(likely)
    seen = [np.isin(marks, kinds).sum() for kinds in ((cv2.GC_FGD, cv2.GC_PR_FGD), (cv2.GC_BGD, cv2.GC_PR_BGD))]
    if min(seen) < 16:
        return likely
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    cv2.grabCut(part, marks, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    result[rows, columns] = (marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)
    return result


def tidy(mask: np.ndarray, expected: np.ndarray | None = None) -> np.ndarray:
    """Return a bool (H, W) mask without specks and pinholes.

    Args:
        expected: (H, W) bool; of the parts, those stay that overlap it.
    """
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = statistics[:, cv2.CC_STAT_AREA].astype(float)
    areas[0] = 0
    if len(areas) < 2:
        return mask
    kept = areas >= SMALLEST_PART * areas.max()
    if expected is not None:
        shared = np.bincount(labels[expected], minlength=len(areas))
        if shared[1:].any():
            kept &= shared >= 0.2 * areas
    kept[0] = False
    whole = kept[labels]
    _, gaps, found, _ = cv2.connectedComponentsWithStats((~whole).astype(np.uint8), connectivity=4)
    small = found[:, cv2.CC_STAT_AREA] < max(4, 0.002 * whole.sum())
    small[0] = False
    return whole | small[gaps]


def _around(box: Box) -> tuple[slice, slice]:
    margin = 4 + round(MARGIN * (max(box.height, box.width) - 1))
    rows = slice(max(0, box.top - margin), box.top + box.height + margin)
    return rows, slice(max(0, box.left - margin), box.left + box.width + margin)
