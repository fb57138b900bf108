"""Which vertices of the modelled mesh move which of the shown mesh, and how: the links of a `carrying.Carry`.

A vertex that is shown several times moves so that its copies come as near to their motions as they can, all with equal
weight (least squares). Where copies are merged, as on the seam of a mirror, a vertex cannot leave the seam: directions
that do not move the shown mesh are left out (pseudo-inverse).
"""

from dataclasses import dataclass

import numpy as np

LEAST = 1e-4
"""A direction does not move the shown mesh if its squared response is below this share of the strongest one's."""
MOST_COPIES = 1 << 31
ALIVE = 1e-2
"""Shown units by which a vertex must move for one unit of its own motion."""


@dataclass(frozen=True, eq=False)
class Links:
    """K pairs of vertices, as in `carrying.Carry`."""

    target: np.ndarray
    source: np.ndarray
    blocks: np.ndarray


def copies_of(marks: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Return (N,) int: the index of the mark (V, 3) that equals each shown mark (N, 3) float32 bit for bit, or -1.

    Modifiers copy the marks of a vertex with it; marks of added vertices lie between those.
    """
    keys, asked = (np.ascontiguousarray(values).view("V12").reshape(-1) for values in (marks, shown))
    number = {key.tobytes(): index for index, key in enumerate(keys)}
    return np.array([number.get(key.tobytes(), -1) for key in asked], np.int64)


def same_copies(first: np.ndarray, second: np.ndarray, count: int) -> np.ndarray:
    """Return (N,): the second shown vertex that is the same copy as each of the first; -1 where that is unclear.

    Copies of a vertex are identified by their order, if both have the same number of them.

    Args:
        first, second: (N,), (M,) from `copies_of`.
        count: V.
    """
    numbers = [_numbered(copies) for copies in (first, second)]
    alike = np.bincount(first + 1, minlength=count + 1) == np.bincount(second + 1, minlength=count + 1)
    known = np.flatnonzero((first >= 0) & alike[first + 1])
    there = np.flatnonzero(second >= 0)
    order = there[np.argsort(numbers[1][there])]
    found = np.full(len(first), -1)
    found[known] = order[np.searchsorted(numbers[1][order], numbers[0][known])]
    return found


def _numbered(copies: np.ndarray) -> np.ndarray:
    """Return (N,) a sort key for each shown vertex: its own vertex first, then its place among the copies of that."""
    order = np.argsort(copies, kind="stable")
    starts = np.searchsorted(copies[order], copies[order], "left")
    rank = np.empty(len(copies), np.int64)
    rank[order] = np.arange(len(copies)) - starts
    return copies * MOST_COPIES + rank


def snapped(response: np.ndarray, noise: float) -> np.ndarray:
    """Return responses (N, 3, 3) without measuring noise, where they are turns and mirrors along the axes."""
    whole = np.round(response)
    near = np.abs(response - whole).max(axis=(1, 2)) < 3 * noise + 1e-3
    return np.where(near[:, None, None], whole, response)


def links_of(copy_of: np.ndarray, response: np.ndarray, count: int) -> Links:
    """Return the links of the shown vertices.

    Args:
        copy_of: (N,) from `copies_of`.
        response: (N, 3, 3) float64, how far a shown vertex moves with its own vertex.
        count: V.
    """
    source = np.flatnonzero(copy_of >= 0)
    target, moves = copy_of[source], response[source]
    squares = np.zeros((count, 3, 3))
    np.add.at(squares, target, np.swapaxes(moves, 1, 2) @ moves)
    inverse = np.linalg.pinv(squares, rcond=LEAST, hermitian=True)
    return Links(target, source, inverse[target] @ np.swapaxes(moves, 1, 2))


def share_alive(copy_of: np.ndarray, response: np.ndarray) -> float:
    """Return the share of shown copies that move with their own vertices.

    A cache or a wrap holds a mesh in place, so that its vertices do not follow its keys.
    """
    moved = np.linalg.norm(response[copy_of >= 0], axis=(1, 2))
    return float((moved > ALIVE).mean()) if len(moved) else 0.0


def links_to_surface(target: np.ndarray, corners: np.ndarray, weights: np.ndarray, response: np.ndarray) -> Links:
    """Return the links of P vertices that follow points of the shown surface.

    Args:
        target: (P,) the vertices.
        corners, weights: (P, 3) the triangle of each vertex's point, and where on it the point lies.
        response: (N, 3, 3), as in `links_of`.
    """
    mean = np.einsum("pc,pcij->pij", weights, response[corners])
    squares = np.swapaxes(mean, 1, 2) @ mean
    inverse = np.linalg.pinv(squares, rcond=LEAST, hermitian=True) @ np.swapaxes(mean, 1, 2)
    blocks = weights[:, :, None, None] * inverse[:, None]
    return Links(np.repeat(target, 3), corners.reshape(-1), blocks.reshape(-1, 3, 3))


def links_as(target: np.ndarray, like: np.ndarray, links: Links) -> Links:
    """Return the links of P vertices (P,) that move as other vertices (P,) do."""
    order = np.argsort(links.target, kind="stable")
    first = np.searchsorted(links.target[order], like, "left")
    counts = np.searchsorted(links.target[order], like, "right") - first
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    chosen = order[np.repeat(first, counts) + within]
    return Links(np.repeat(target, counts), links.source[chosen], links.blocks[chosen])


def joined(parts: list[Links]) -> Links:
    """Return all links of several groups of vertices."""
    return Links(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("target", "source", "blocks")))


def barycentric(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Return the (P, 3) float64 weights of points (P, 3) on triangles (P, 3, 3).

    Weights of points outside are clipped to the triangle's border.
    """
    first, second, third = np.moveaxis(corners.astype(np.float64), 1, 0)
    along, across, there = second - first, third - first, points - first
    aa, ab, bb = ((one * other).sum(axis=1) for one, other in ((along, along), (along, across), (across, across)))
    ta, tb = (there * along).sum(axis=1), (there * across).sum(axis=1)
    area = aa * bb - ab * ab
    safe = np.where(area > 0, area, 1)
    weights = np.stack([(bb * ta - ab * tb) / safe, (aa * tb - ab * ta) / safe], axis=1) * (area > 0)[:, None]
    weights = np.concatenate([1 - weights.sum(axis=1, keepdims=True), weights], axis=1).clip(0, 1)
    return weights / weights.sum(axis=1, keepdims=True)
