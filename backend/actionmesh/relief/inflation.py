"""How thick a shape is over its mask: Poisson's equation, solved by linear finite elements on the mask's own triangles.

With -laplace u = 1 inside and u = 0 at the rim, the height sqrt(2 u) makes a long strip a round bar; the flatter
ROUNDNESS was chosen by eye. Parts that the mask separates do not affect each other, and a thin neck hardly
transmits anything. After Igarashi et al. 1999 (Teddy) and Dvoroznak et al. 2020 (Monster Mash).
"""

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve

from .flat import Flat, double_areas

ROUNDNESS = 0.9
LEAST = 0.02
"""Least height at a point, as a share of its shortest edge, so that front and back never touch."""


def heights(flat: Flat) -> np.ndarray:
    """Return the height (P,) over each point, in the points' unit; 0 at the rim."""
    potential = np.zeros(len(flat.points))
    inner = np.flatnonzero(~flat.rim)
    if len(inner):
        matrix, load = _stiffness(flat)
        potential[inner] = spsolve(matrix[inner][:, inner].tocsc(), load[inner])
    height = ROUNDNESS * np.sqrt(2 * np.maximum(potential, 0))
    return np.where(flat.rim, 0.0, np.maximum(height, LEAST * _shortest_edges(flat)))


def _stiffness(flat: Flat):
    """Return the matrix (P, P) of cotangents and the load (P,) of -laplace u = 1."""
    count, corners = len(flat.points), flat.points[flat.triangles]
    opposite = np.roll(corners, -1, axis=1) - np.roll(corners, -2, axis=1)
    double_area = np.abs(double_areas(flat.points, flat.triangles))
    local = np.einsum("mix,mjx->mij", opposite, opposite) / (2 * np.maximum(double_area, 1e-12))[:, None, None]
    rows, columns = np.repeat(flat.triangles, 3, axis=1), np.tile(flat.triangles, (1, 3))
    matrix = coo_matrix((local.ravel(), (rows.ravel(), columns.ravel())), shape=(count, count)).tocsr()
    return matrix, np.bincount(flat.triangles.ravel(), np.repeat(double_area / 6, 3), count)


def _shortest_edges(flat: Flat) -> np.ndarray:
    """Return the length (P,) of the shortest edge at each point."""
    shortest = np.full(len(flat.points), np.inf)
    for k in range(3):
        ends = flat.triangles[:, [k, (k + 1) % 3]]
        lengths = np.linalg.norm(flat.points[ends[:, 0]] - flat.points[ends[:, 1]], axis=1)
        np.minimum.at(shortest, ends, lengths[:, None])
    return shortest
