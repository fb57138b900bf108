"""A flat surface of triangles, and their areas."""

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
