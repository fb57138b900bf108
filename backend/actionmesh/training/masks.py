"""Imitate the errors of a background remover: edges too wide or too tight, bites and left-over scraps."""

import cv2
import numpy as np

SHARE = 0.4
"""Share of the sequences that have errors."""
WIDEST = 3
"""Largest offset of an edge, in pixels of a picture 224 pixels wide."""


def with_mask_errors(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return frames (T, h, w, 4) uint8 RGBA with straight alpha; a share of the sequences gets errors in the alpha.

    Pixels wrongly kept show a backdrop of one colour. Edges are off in every frame; bites and scraps come and go.
    """
    if rng.random() >= SHARE:
        return frames
    backdrop = rng.uniform(40, 230) + rng.uniform(-30, 30, 3)
    radius = round(rng.uniform(1, WIDEST) * frames.shape[1] / 224)
    wider, spots = rng.random() < 0.5, rng.random() < 0.5
    return np.stack([_spoilt(frame, backdrop, radius, wider, spots and rng.random() < 0.5, rng) for frame in frames])


def _spoilt(
    frame: np.ndarray, backdrop: np.ndarray, radius: int, wider: bool, spot: bool, rng: np.random.Generator
) -> np.ndarray:
    true = frame[..., 3]
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    alpha = cv2.dilate(true, disc) if wider else cv2.erode(true, disc)
    if not alpha.any():
        alpha = true
    if spot:
        alpha = _with_spot(alpha, true, rng)
    colour = np.where(true[..., None] > 0, frame[..., :3], backdrop.clip(0, 255).astype(np.uint8))
    return np.dstack([colour, alpha])


def _with_spot(alpha: np.ndarray, true: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Take a bite out of the edge, or add a scrap of the backdrop next to it."""
    rows, columns = np.nonzero(cv2.morphologyEx(true, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)))
    if not len(rows):
        return alpha
    place = rng.integers(len(rows))
    size = int(rng.uniform(0.015, 0.04) * len(alpha)) + 1
    spoilt = np.ascontiguousarray(alpha)
    value = 255 if rng.random() < 0.5 else 0
    return cv2.circle(spoilt, (int(columns[place]), int(rows[place])), size, value, -1)
