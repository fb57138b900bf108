"""The measures of DAVIS for masks over time: region similarity J and boundary accuracy F.

Perazzi et al. 2016, "A benchmark dataset and evaluation methodology for video object segmentation", section 5.
"""

from dataclasses import dataclass

import cv2
import numpy as np

TOLERANCE = 0.008
"""Distance within which two boundaries agree, as a share of the frame's diagonal; DAVIS's own value."""
RECALLED = 0.5
"""A frame counts as found if its measure is above this value."""


@dataclass(frozen=True)
class Agreement:
    """How masks agree with the truth, averaged over frames, each from 0 to 1.

    Args:
        region: J, mean intersection over union.
        boundary: F, mean F-measure of the outlines.
        recall: share of the frames whose J is above RECALLED.
        decay: mean J of the first quarter of the frames less that of the last; negative if masks improve.
    """

    region: float
    boundary: float
    recall: float
    decay: float


def agreement(masks: np.ndarray, truth: np.ndarray) -> Agreement:
    """Compare masks (T, H, W) bool with the truth of the same shape."""
    assert masks.shape == truth.shape and masks.dtype == truth.dtype == bool
    pairs = list(zip(masks, truth, strict=True))
    regions = np.array([region_similarity(*pair) for pair in pairs])
    quarter = max(1, len(regions) // 4)
    return Agreement(
        region=float(regions.mean()),
        boundary=float(np.mean([boundary_accuracy(*pair) for pair in pairs])),
        recall=float((regions > RECALLED).mean()),
        decay=float(regions[:quarter].mean() - regions[-quarter:].mean()),
    )


def region_similarity(mask: np.ndarray, truth: np.ndarray) -> float:
    """Return J, the intersection over union of two bool (H, W) masks; 1 if both are empty."""
    union = np.count_nonzero(mask | truth)
    return np.count_nonzero(mask & truth) / union if union else 1.0


def boundary_accuracy(mask: np.ndarray, truth: np.ndarray) -> float:
    """Return F of two bool (H, W) masks: 2 P R / (P + R).

    Precision P is the share of the mask's outline that lies near the truth's, recall R the reverse. A disc dilates the
    outlines in place of the exact assignment of their pixels, as in the benchmark's own code.
    """
    ours, theirs = outline_of(mask), outline_of(truth)
    if not ours.any() or not theirs.any():
        return float(ours.any() == theirs.any())
    reach = int(np.ceil(TOLERANCE * np.hypot(*mask.shape)))
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = (rows**2 + columns**2 <= reach**2).astype(np.uint8)
    precision = (ours & (cv2.dilate(theirs.astype(np.uint8), disc) > 0)).sum() / ours.sum()
    recall = (theirs & (cv2.dilate(ours.astype(np.uint8), disc) > 0)).sum() / theirs.sum()
    total = precision + recall
    return float(2 * precision * recall / total) if total else 0.0


def outline_of(mask: np.ndarray) -> np.ndarray:
    """Return the pixels of a bool (H, W) mask that differ from the one to the right, below or diagonally below."""
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    return (mask != padded[:-1, 1:]) | (mask != padded[1:, :-1]) | (mask != padded[1:, 1:])
