"""Triangles by their corners alone: normals, edges, and which of them are connected."""

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components


def face_normals(corners: np.ndarray) -> np.ndarray:
    """Return the normals (..., 3) of triangles (..., 3, 3), each as long as twice the triangle's area."""
    a, b, c = np.moveaxis(corners, -2, 0)
    return np.cross(b - a, c - a)


def summed_normals(vertices: np.ndarray, faces: np.ndarray, follows: np.ndarray) -> np.ndarray:
    """Return for each vertex the float64 sum (V, 3) of the normals around it, as long as their areas.

    Args:
        follows: (F, 3) the vertex that each corner counts for; `faces` itself, or one vertex for all at the same place.
    """
    normals = face_normals(vertices[faces])
    return np.stack([np.bincount(follows.ravel(), np.repeat(column, 3), len(vertices)) for column in normals.T], axis=1)


def edges_of(triangles: np.ndarray) -> np.ndarray:
    """Return the edges (3 M, 2) of triangles (M, 3): all first edges, then all second, then all third."""
    return np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])


def keys_of(edges: np.ndarray, count: int) -> np.ndarray:
    """Return one number (E,) for each edge (E, 2) between `count` points, the same for both directions."""
    low, high = np.sort(edges.astype(np.int64), axis=1).T
    return low * count + high


def joined(pairs: np.ndarray, count: int) -> tuple[int, np.ndarray]:
    """Return how many parts `count` items form if pairs (E, 2) of them are joined, and the part (count,) of each."""
    links = coo_matrix((np.ones(len(pairs), bool), pairs.T), shape=(count, count))
    parts, part = connected_components(links, directed=False)
    return parts, part


def joined_by(keys: np.ndarray, items: np.ndarray, count: int) -> np.ndarray:
    """Return the part (count,) of each of `count` items; all items (E,) with one key (E,) are joined."""
    _, key = np.unique(keys, return_inverse=True)
    return joined(np.stack([items, count + key], axis=1), count + key.max(initial=-1) + 1)[1][:count]
