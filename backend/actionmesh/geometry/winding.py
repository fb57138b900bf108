"""How often a mesh winds around a point: once inside a closed mesh, about once inside one with gaps."""

from collections.abc import Sequence

import numpy as np

BATCH = 30_000
"""Pairs of points and triangles that are computed at once: few enough to stay in a processor's cache."""


def winding_numbers(vertices: np.ndarray, faces: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the generalised winding numbers (Q,) float64 of a mesh, 1 inside for outward faces.

    Jacobson et al. 2013, "Robust inside-outside segmentation using generalized winding numbers"; a triangle's solid
    angle by van Oosterom and Strackee 1983.

    Args:
        vertices: (V, 3); faces: (F, 3); points: (Q, 3), not on the surface.
    """
    corners, step = vertices[faces].astype(np.float64), max(1, BATCH // max(1, len(faces)))
    chunks = [_wound(corners, points[start : start + step]) for start in range(0, len(points), step)]
    return np.concatenate(chunks) if chunks else np.zeros(0)


def _wound(corners: np.ndarray, points: np.ndarray) -> np.ndarray:
    a, b, c = ([corners[:, k, i, None] - points[:, i].astype(np.float64) for i in range(3)] for k in range(3))
    far_a, far_b, far_c = (np.sqrt(_dot(each, each)) for each in (a, b, c))
    across = b[1] * c[2] - b[2] * c[1], b[2] * c[0] - b[0] * c[2], b[0] * c[1] - b[1] * c[0]
    whole = far_a * far_b * far_c + _dot(a, b) * far_c + _dot(b, c) * far_a + _dot(c, a) * far_b
    angles: np.ndarray = np.arctan2(_dot(a, across), whole).sum(axis=0)
    return angles / (2 * np.pi)


def _dot(one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> np.ndarray:
    return one[0] * other[0] + one[1] * other[1] + one[2] * other[2]
