"""Removal of folds: edges at which a surface turns back on itself, which look like dark spots, are smoothed locally.

Marching cubes and edge collapse leave a few folds where the field is noisy or a part is as thin as a cell. Networks
fold the surface in other places, because they move every vertex independently.
"""

from collections.abc import Callable

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix

from .triangles import edges_of, face_normals, keys_of

ROUNDS = 40
"""The most repetitions; few surfaces need more than ten."""
STEP = 0.5
"""Share of the way to its neighbours' mean that a vertex moves per round; 1 moves twice as much for the same folds."""


class Hinges:
    """The edges of a mesh at which exactly two faces meet.

    Args:
        faces: (F, 3) int, with one orientation throughout.
    """

    def __init__(self, faces: np.ndarray):
        self._faces = faces
        edges = np.sort(edges_of(faces), axis=1)
        keys = keys_of(edges, edges.max(initial=0) + 1)
        order = np.argsort(keys, kind="stable")
        _, first, count = np.unique(keys[order], return_index=True, return_counts=True)
        pairs = first[count == 2]
        self._edges = edges[order[pairs]]
        self._one, self._other = order[pairs] % len(faces), order[pairs + 1] % len(faces)

    def folded(self, vertices: np.ndarray) -> np.ndarray:
        """Return (E, 2) the vertices of edges whose faces are over 90 degrees from flat, or have no area.

        Args:
            vertices: (V, 3) of any float type.
        """
        normals = face_normals(vertices.astype(np.float64)[self._faces])
        flat = np.einsum("fx,fx->f", normals, normals) == 0
        turned = np.einsum("ex,ex->e", normals[self._one], normals[self._other]) < 0
        return self._edges[turned | flat[self._one] | flat[self._other]]


def unfold(poses: np.ndarray, faces: np.ndarray, check: Callable[[], None] = lambda: None) -> np.ndarray:
    """Return the poses (T, V, 3) of a mesh with the vertices at folds, and their neighbours, smoothed.

    All other vertices stay the same, bit for bit. A fold that smoothing would multiply, such as a handle as thin as a
    cell, stays.

    Args:
        faces: (F, 3) int, with one orientation throughout.
        check: called for every pose; an exception that it raises stops the work.
    """
    hinges, neighbours = Hinges(faces), _averaging(faces, poses.shape[1])
    unfolded = poses.copy()
    for pose in unfolded:
        check()
        pose[:] = _unfolded(pose, hinges, neighbours)
    return unfolded


def _unfolded(vertices: np.ndarray, hinges: Hinges, neighbours: csr_matrix) -> np.ndarray:
    """Return the vertices (V, 3) with those at folds moved towards their neighbours' mean, as long as that helps."""
    start = vertices.astype(np.float64)
    smoothed, best, fewest = start.copy(), start, np.inf
    for _ in range(ROUNDS + 1):
        folded = hinges.folded(smoothed)
        if len(folded) < fewest:
            best, fewest = smoothed.copy(), len(folded)
        if not len(folded):
            break
        at = np.unique(folded)
        moved = np.union1d(at, neighbours[at].indices)
        smoothed[moved] += STEP * (neighbours[moved] @ smoothed - smoothed[moved])
    return np.where((best != start).any(axis=1)[:, None], best, vertices).astype(vertices.dtype)


def _averaging(faces: np.ndarray, count: int) -> csr_matrix:
    """Return the matrix (V, V) that moves every vertex to the mean of the vertices that it shares an edge with."""
    one, other = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    ends = np.concatenate([one, other]), np.concatenate([other, one])
    adjacent = coo_matrix((np.ones(len(ends[0])), ends), (count, count)).tocsr()
    adjacent.data[:] = 1.0
    return csr_matrix(adjacent.multiply(1.0 / np.maximum(adjacent.sum(axis=1), 1.0)))
