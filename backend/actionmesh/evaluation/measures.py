"""Distances between shapes and between motions."""

import numpy as np
from scipy.spatial import cKDTree


def chamfer_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Mean distance from each of (P, 3) to its nearest in (Q, 3), and the other way round, added."""
    to_second = cKDTree(second).query(first)[0].mean()
    to_first = cKDTree(first).query(second)[0].mean()
    return float(to_second + to_first)


def volume_iou(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two sets of points of the same evenly drawn queries, (Q,) bool each."""
    return float((first & second).sum() / max((first | second).sum(), 1))


def vertex_error(vertices: np.ndarray, truth: np.ndarray) -> float:
    """Mean distance between (T, V, 3) vertices and where they should be."""
    return float(np.linalg.norm(vertices - truth, axis=-1).mean())
