"""Whether a surface has an inside, and which side of its triangles faces it."""

import numpy as np

SAME_PLACE = 1e-5
"""Vertices that round to the same multiple of this share of the size are one. Files split vertices at the seams of UVs
and normals."""


def place_of_vertices(vertices: np.ndarray) -> np.ndarray:
    """Return (V,) int: the same number for vertices (V, 3) at the same place."""
    size = np.ptp(vertices, axis=0).max() or 1.0
    cells = np.round((vertices - vertices.min(axis=0)) / (SAME_PLACE * size)).astype(np.int64)
    return np.unique(cells, axis=0, return_inverse=True)[1].reshape(-1)


def is_closed(vertices: np.ndarray, triangles: np.ndarray) -> bool:
    """Return whether the surface bounds a volume: every edge is passed as often in one direction as in the other.

    Args:
        vertices: (V, 3); those at one place count as one.
        triangles: (F, 3); those with two corners at one place are ignored.
    """
    corners = place_of_vertices(vertices)[triangles]
    edges = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
    edges = edges[edges[:, 0] != edges[:, 1]]
    if not len(edges):
        return False
    forward = edges[:, 0] < edges[:, 1]
    _, index = np.unique(np.sort(edges, axis=1), axis=0, return_inverse=True)
    return not np.bincount(index.reshape(-1), np.where(forward, 1, -1)).any()


def volume(vertices: np.ndarray, triangles: np.ndarray) -> float:
    """Return the volume that a closed surface bounds; negative if its normals point inwards (divergence theorem)."""
    a, b, c = np.moveaxis(vertices[triangles].astype(np.float64), 1, 0)
    return float(np.einsum("fx,fx->", a, np.cross(b, c)) / 6)
