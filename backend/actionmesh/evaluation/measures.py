"""Distances between shapes and between motions."""

import numpy as np
from scipy.spatial import cKDTree


def chamfer_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Mean distance from each of (P, 3) to its nearest in (Q, 3), and the other way round, added."""
    to_second = cKDTree(second).query(first)[0].mean()
    to_first = cKDTree(first).query(second)[0].mean()
    return float(to_second + to_first)


def motion_chamfer(prediction: np.ndarray, truth: np.ndarray) -> float:
    """CD-M of ActionBench: points are matched on frame 0 and followed.

    Mean over points of the mean over frames of the distance to the matched point, both directions added.
    prediction (T, P, 3), truth (T, Q, 3).
    """
    forward = cKDTree(truth[0]).query(prediction[0])[1]
    backward = cKDTree(prediction[0]).query(truth[0])[1]
    return vertex_error(prediction, truth[:, forward]) + vertex_error(prediction[:, backward], truth)


def volume_iou(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two sets of points of the same evenly drawn queries, (Q,) bool each."""
    return float((first & second).sum() / max((first | second).sum(), 1))


def vertex_error(vertices: np.ndarray, truth: np.ndarray) -> float:
    """Mean distance between (T, V, 3) vertices and where they should be."""
    return float(np.linalg.norm(vertices - truth, axis=-1).mean())
