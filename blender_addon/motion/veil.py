"""The picture to point into: the subject as it is, the rest dark and bluish, and an outline between them."""

import numpy as np

DARK, TINT = 0.4, (0.02, 0.04, 0.16)
OUTLINE = (1.0, 0.55, 0.1)


def veiled(picture: np.ndarray) -> np.ndarray:
    """Return an opaque (H, W, 4) float32 picture of a frame whose alpha (H, W) is the subject, all from 0 to 1."""
    shown = np.ones_like(picture, np.float32)
    colours, subject = picture[..., :3], picture[..., 3:]
    shown[..., :3] = subject * colours + (1 - subject) * (DARK * colours + np.array(TINT, np.float32))
    shown[_edge(picture[..., 3] >= 0.5), :3] = OUTLINE
    return shown


def _edge(inside: np.ndarray) -> np.ndarray:
    """Return where a mask (H, W) bool has a neighbour that is not in it."""
    around = np.pad(inside, 1, mode="edge")
    surrounded = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    return np.asarray(inside & ~surrounded)
