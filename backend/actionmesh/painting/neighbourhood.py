"""Neighbours on a mesh, for soft borders and to fill places that no frame shows."""

import numpy as np
from scipy.sparse import coo_matrix, diags
from scipy.sparse.csgraph import dijkstra

from ..geometry.triangles import edges_of, face_normals
from ..matching.graph import surface_graph

SOFT_BORDERS, SOFT_FILL = 3, 20
"""Rounds of averaging with neighbours: for borders between frames, and for colours that no frame shows."""


class Neighbourhood:
    """Neighbours on a mesh at rest.

    `areas` (V,) is the surface around each vertex.

    Args:
        vertices: (V, 3), one per place.
        faces: (F, 3).
    """

    def __init__(self, vertices: np.ndarray, faces: np.ndarray):
        self._graph = surface_graph(vertices, faces)
        ends = edges_of(faces)
        rows, columns = np.concatenate([ends, ends[:, ::-1]]).T
        beside = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(vertices),) * 2).tocsr()
        self._mean = diags(1 / np.maximum(np.asarray(beside.sum(axis=1)).ravel(), 1)) @ beside
        face_areas = np.linalg.norm(face_normals(vertices[faces].astype(np.float64)), axis=1) / 2
        self.areas = np.bincount(faces.ravel(), np.repeat(face_areas / 3, 3), len(vertices))

    def softened(self, values: np.ndarray) -> np.ndarray:
        """Return values (V,) averaged with those of their neighbours."""
        for _ in range(SOFT_BORDERS):
            values = (values + self._mean @ values) / 2
        return values

    def filled(self, colours: np.ndarray, known: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
        """Return colours (V, 3) with unknown ones filled from the nearest known ones along the surface, softened.

        Args:
            otherwise: (3,) the colour where no known one can be reached.
        """
        if not known.any():
            return np.broadcast_to(otherwise, colours.shape)
        nearest = dijkstra(self._graph, indices=np.flatnonzero(known), min_only=True, return_predecessors=True)[2]
        colours = np.where(nearest[:, None] >= 0, colours[nearest], otherwise)
        for _ in range(SOFT_FILL):
            colours = np.where(known[:, None], colours, self._mean @ colours)
        return colours
