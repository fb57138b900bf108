"""What makes triangles one half of a closed surface: no pinched fans, and no inner edges across the rim."""

import numpy as np

from ..geometry.triangles import edges_of, joined_by, keys_of
from .flat import Flat


def without_pinches(triangles: np.ndarray) -> np.ndarray:
    """Return the triangles (M, 3) without the smaller fans at points where two fans meet only in that point."""
    while len(triangles):
        count = int(triangles.max()) + 1
        fan = _fans(triangles, count)
        fans, sizes = np.unique(fan, return_counts=True)
        points = fans // (3 * len(triangles))
        order = np.lexsort((-sizes, points))
        first = np.zeros(len(fans), bool)
        first[order[np.unique(points[order], return_index=True)[1]]] = True
        if first.all():
            break
        lost = ~first[np.searchsorted(fans, fan)].reshape(3, -1).T
        triangles = triangles[~lost.any(axis=1)]
    return triangles


def _fans(triangles: np.ndarray, count: int) -> np.ndarray:
    """Return a number (3 M,) that the corners of one fan around a point share.

    The order is all first corners, then all second, then all third.
    """
    total = len(triangles)
    corner = np.arange(3 * total).reshape(3, total)
    at = triangles.T
    ends = []
    for k in range(3):  # the edge after corner k, at both of its ends
        key = keys_of(np.stack([at[k], at[(k + 1) % 3]], axis=1), count)
        ends += [(key * count + at[k], corner[k]), (key * count + at[(k + 1) % 3], corner[(k + 1) % 3])]
    keys, corners = (np.concatenate(part) for part in zip(*ends, strict=True))
    return at.ravel() * (3 * total) + joined_by(keys, corners, 3 * total)


def without_chords(points: np.ndarray, triangles: np.ndarray) -> Flat:
    """Return the surface with a point in the middle of each inner edge that joins two points of its rim.

    Front and back would coincide at such an edge, and in a triangle without neighbours: such triangles are left
    out. So are unused points.
    """
    _, edge, used = _edges_used(triangles, len(points))
    triangles = triangles[(used[edge].reshape(3, -1) > 1).any(axis=0)]
    unique, edge, used = _edges_used(triangles, len(points))
    ends = np.stack(np.divmod(unique, len(points)), axis=1)
    rim = np.zeros(len(points), bool)
    rim[ends[used == 1]] = True
    chords = np.flatnonzero((used == 2) & rim[ends].all(axis=1))
    middle = np.full(len(unique), -1)
    middle[chords] = len(points) + np.arange(len(chords))
    points = np.concatenate([points, points[ends[chords]].mean(axis=1)])
    triangles = split_edges(triangles, middle[edge].reshape(3, -1).T, points)
    kept, triangles = np.unique(triangles, return_inverse=True)
    return Flat(points[kept], triangles.reshape(-1, 3), np.concatenate([rim, np.zeros(len(chords), bool)])[kept])


def _edges_used(triangles: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all edges of the triangles.

    Returns: their keys (E,); which of them each edge of the triangles is (3 M,); in how many triangles each is
    (E,).
    """
    return np.unique(keys_of(edges_of(triangles), count), return_inverse=True, return_counts=True)


def split_edges(triangles: np.ndarray, middle: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the triangles, cut at new points `middle` (M, 3) on the edges after their corners; -1 means no cut."""
    count = (middle >= 0).sum(axis=1)
    # rotate the corners so that they start at the only cut edge, or at the only whole one
    first = np.where(count == 2, (middle < 0).argmax(axis=1), (middle >= 0).argmax(axis=1))
    turn = (first[:, None] + np.arange(3)) % 3
    corners, cuts = np.take_along_axis(triangles, turn, axis=1), np.take_along_axis(middle, turn, axis=1)
    pieces = [triangles[count == 0]]
    a, b, c, ab, _, _ = np.concatenate([corners, cuts], axis=1)[count == 1].T
    pieces += [np.stack(cut, axis=1) for cut in ((a, ab, c), (ab, b, c))]
    a, b, c, _, bc, ca = np.concatenate([corners, cuts], axis=1)[count == 2].T
    short = np.linalg.norm(points[a] - points[bc], axis=1) <= np.linalg.norm(points[b] - points[ca], axis=1)
    rest = ((ca, bc, c), (a, b, np.where(short, bc, ca)), (np.where(short, a, b), bc, ca))
    pieces += [np.stack(cut, axis=1) for cut in rest]
    a, b, c, ab, bc, ca = np.concatenate([corners, cuts], axis=1)[count == 3].T
    pieces += [np.stack(cut, axis=1) for cut in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
    return np.concatenate(pieces)
