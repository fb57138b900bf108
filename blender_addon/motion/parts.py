"""The loose parts of a mesh, and those that come in pairs, one left and one right: eyes, ears, hands."""

import numpy as np

from .closed import place_of_vertices

SMALL = 0.25
"""Largest size of a paired part, as a share of the whole."""
NEAR, SAME = 0.02, 0.2
"""How far a part may be from its partner's mirror image, as a share of the size, and how much their sizes may
differ."""
MOST = 200
"""Only this many of the largest parts are searched for pairs."""


def loose_parts(vertices: np.ndarray, triangles: np.ndarray) -> list[np.ndarray]:
    """Return the vertices (., 3) of each part that triangles connect; vertices at one place are one."""
    places = place_of_vertices(vertices)
    corners = places[triangles]
    labels = _connected(np.concatenate([corners[:, :2], corners[:, 1:]]), int(places.max()) + 1)[places]
    order = np.argsort(labels, kind="stable")
    return np.split(vertices[order], np.flatnonzero(np.diff(labels[order])) + 1)


def paired_parts(parts: list[np.ndarray], left: np.ndarray, size: float) -> np.ndarray:
    """Return the middles (N, 3) of pairs of small parts that are mirror images of each other.

    Args:
        left: (3,) unit normal of the plane, which goes through the middle of all parts' box, or their median.
        size: of the whole.
    """
    along = np.concatenate(parts) @ left
    middles = ((along.min() + along.max()) / 2, float(np.median(along)))
    small = sorted((part for part in parts if len(part) > 3 and np.ptp(part, axis=0).max() < SMALL * size), key=len)[
        -MOST:
    ]
    centres = np.array([(part.max(axis=0) + part.min(axis=0)) / 2 for part in small]).reshape(-1, 3)
    extents = np.array([np.ptp(part, axis=0).max() for part in small])
    found = []
    for one in np.flatnonzero(centres @ left > max(middles) + NEAR * size):
        mirrored = [centres[one] - 2 * (centres[one] @ left - middle) * left for middle in middles]
        off = np.min([np.linalg.norm(centres - place, axis=1) for place in mirrored], axis=0)
        alike = (off < NEAR * size) & (np.abs(extents - extents[one]) < SAME * extents[one])
        if alike.any():
            found.append((centres[one] + centres[np.flatnonzero(alike)[0]]) / 2)
    return np.array(found).reshape(-1, 3)


def _connected(edges: np.ndarray, count: int) -> np.ndarray:
    """Return (count,): the lowest number that each is connected to."""
    labels = np.arange(count)
    while True:
        before = labels.copy()
        lowest = np.minimum(labels[edges[:, 0]], labels[edges[:, 1]])
        for side in (0, 1):
            np.minimum.at(labels, edges[:, side], lowest)
        labels = labels[labels]
        if np.array_equal(before, labels):
            return labels
