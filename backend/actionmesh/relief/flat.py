"""A flat surface of triangles, and the edges of triangles as numbers."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Flat:
    """A flat surface.

    Args:
        points: (P, 2) working pixels.
        triangles: (M, 3), all turned alike.
        rim: (P,) bool, which points are at its edge.
    """

    points: np.ndarray
    triangles: np.ndarray
    rim: np.ndarray


def double_areas(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Return twice the areas (M,) of triangles, above 0 where they turn from columns to rows."""
    a, b, c = points[triangles].transpose(1, 0, 2)
    one, other = b - a, c - a
    return one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]


def edges_of(triangles: np.ndarray) -> np.ndarray:
    """Return the edges (3 M, 2) of triangles (M, 3): all first edges, then all second, then all third."""
    return np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])


def keys_of(edges: np.ndarray, count: int) -> np.ndarray:
    """Return one number (E,) for each edge (E, 2) between `count` points, the same for both directions."""
    low, high = np.sort(edges.astype(np.int64), axis=1).T
    return low * count + high
