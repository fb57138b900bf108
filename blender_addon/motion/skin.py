"""Vertices that follow bones by weight: linear blend skinning, and the sums that least squares over bones need.

A skinned vertex is `rest * x + sum(weight * bone @ x)`. For a sum of squared distances from given places, the bones
matter only through two sums over the vertices (`Moments`), so that a solver's cost does not depend on their number.
"""

from dataclasses import dataclass

import numpy as np

LEAST = 1e-4
"""A vertex with a smaller sum of weights is not moved, as in Blender."""
UPPER = np.triu_indices(4)


@dataclass(frozen=True, eq=False)
class Moments:
    """What a fit of bones knows of the vertices.

    Args:
        pairs: (B, B, 4, 4), sums of weight * weight * x x^T over the vertices of two bones.
        pulls: (B, 3, 4), sums of weight * place x^T.
        square: sum of the places' squared lengths.
        count: of vertices.
    """

    pairs: np.ndarray
    pulls: np.ndarray
    square: float
    count: int

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            self.pairs + other.pairs, self.pulls + other.pulls, self.square + other.square, self.count + other.count
        )


@dataclass(frozen=True, eq=False)
class Skin:
    """Weights of vertices, in N entries of one vertex and one bone each, sorted by bone.

    Args:
        vertices, bones: (N,) int.
        weights: (N,) float64; those of a vertex add up to how much it follows bones.
        rests: (V,) how much each vertex stays, 1 minus that sum.
        bone_count: B.
    """

    vertices: np.ndarray
    bones: np.ndarray
    weights: np.ndarray
    rests: np.ndarray
    bone_count: int

    def moments(self, points: np.ndarray, places: np.ndarray, pairs: np.ndarray | None = None) -> Moments:
        """Return the sums for vertices (V, 3) that should come to lie at places (V, 3).

        Args:
            pairs: those of the same points, if they are known.
        """
        wanted = places - self.rests[:, None] * points
        terms = wanted[self.vertices, :, None] * self._weighed(points)[:, None]
        pulls = np.zeros((self.bone_count, 3, 4))
        starts = np.flatnonzero(np.diff(self.bones, prepend=-1))
        if len(starts):
            pulls[self.bones[starts]] = np.add.reduceat(terms, starts)
        square = float((wanted**2).sum())
        return Moments(self.pairs(points) if pairs is None else pairs, pulls, square, len(points))

    def pairs(self, points: np.ndarray) -> np.ndarray:
        """Return `Moments.pairs` (B, B, 4, 4) of points (V, 3)."""
        order = np.argsort(self.vertices, kind="stable")
        vertices, bones, weights = self.vertices[order], self.bones[order], self.weights[order]
        counts = np.bincount(vertices, minlength=len(self.rests))
        repeats = counts[vertices]
        firsts = np.repeat((np.cumsum(counts) - counts)[vertices], repeats)
        within = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        one, two = np.repeat(np.arange(len(order)), repeats), firsts + within
        cells, shares = bones[one] * self.bone_count + bones[two], weights[one] * weights[two]
        around = np.column_stack([points, np.ones(len(points))])
        found = np.empty((self.bone_count**2, 4, 4))
        for row, column in zip(*UPPER, strict=True):
            products = (around[:, row] * around[:, column])[vertices[one]]
            found[:, row, column] = np.bincount(cells, shares * products, self.bone_count**2)
            found[:, column, row] = found[:, row, column]
        return found.reshape(self.bone_count, self.bone_count, 4, 4)

    def apply(self, points: np.ndarray, deforms: np.ndarray) -> np.ndarray:
        """Return points (V, 3) moved by the bones' matrices (B, 4, 4)."""
        moved = np.einsum("nij,nj->ni", deforms[self.bones, :3], self._weighed(points))
        sums = [np.bincount(self.vertices, column, len(points)) for column in moved.T]
        return np.stack(sums, axis=1) + self.rests[:, None] * points

    def _weighed(self, points: np.ndarray) -> np.ndarray:
        """Return (N, 4): each entry's vertex with a 1 appended, times its weight."""
        return np.column_stack([points[self.vertices] * self.weights[:, None], self.weights])


def skin_of(vertices: np.ndarray, bones: np.ndarray, weights: np.ndarray, follow: np.ndarray, bone_count: int) -> Skin:
    """Return the skin of raw weights, normalised for each vertex.

    Args:
        vertices, bones, weights: (N,), in any order.
        follow: (V,) how much each vertex follows its bones, 0 to 1.
        bone_count: B.
    """
    sums = np.bincount(vertices, weights, len(follow))
    kept = (weights > 0) & (sums[vertices] > LEAST)
    vertices, bones, weights = vertices[kept], bones[kept], weights[kept].astype(np.float64)
    shares = weights / sums[vertices] * follow[vertices]
    order = np.lexsort((vertices, bones))
    rests = 1 - np.where(sums > LEAST, follow, 0.0)
    return Skin(vertices[order], bones[order], shares[order], rests, bone_count)
