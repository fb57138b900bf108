"""The subject's outline in one frame: a graph cut between what is probably the subject and what is probably not.

GrabCut: Rother, Kolmogorov and Blake 2004.
"""

import cv2
import numpy as np

CERTAIN = 3.0
"""Logarithm of the odds above which a pixel is not questioned."""
DOUBTFUL = 1.0
"""The same below which a pixel is surely not the subject's: a cut takes in too much more often than too little."""
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
    if likely.sum() < 16:
        return likely
    rows, columns = _around(likely)
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


def _around(mask: np.ndarray) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    margin = 4 + round(MARGIN * max(rows[-1] - rows[0], columns[-1] - columns[0]))
    return slice(max(0, rows[0] - margin), rows[-1] + margin + 1), slice(
        max(0, columns[0] - margin), columns[-1] + margin + 1
    )
