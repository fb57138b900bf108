"""Parts of a mesh that move rigidly, as the beginning of a decomposition: each vertex belongs to one.

Linde-Buzo-Gray clustering as in Le and Deng, "Smooth skinning decomposition with rigid bones" (2012), section 4.1. The
library has it too, but keeps a single part in many small or regular meshes.
"""

from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

MOST_POSES = 16
"""Poses that decide to which part a vertex belongs, spread over the motion."""
ROUNDS = 5
"""Rounds of assigning vertices and fitting motions after each split."""
LAST_ROUNDS = 10
SEED, SMALLEST_SEED = 0.02, 16
"""Share of the vertices around the worst one that begin a new part, and how many at least."""
FEWEST = 4
"""Vertices of the smallest part, if there are so many."""
STILL = 1e-6
"""Parts with less error than this, as a share of the size, are not split."""


def rigid_parts(
    rest: np.ndarray, poses: np.ndarray, most: int, check: Callable[[], None] = lambda: None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the part of each vertex (V,), numbered from 0, and the motions of at most so many parts (T, B, 4, 4).

    Args:
        rest: (V, 3); poses: (T, V, 3), of a mesh whose size is about 1.
        check: called regularly; an exception that it raises stops the work.
    """
    chosen = poses[np.unique(np.linspace(0, len(poses) - 1, MOST_POSES).round().astype(int))]
    tree, labels = cKDTree(rest), np.zeros(len(rest), np.int64)
    count = 1
    while count < most:
        check()
        grown = _split(tree, rest, chosen, labels, count, most)
        labels = _settled(rest, chosen, grown, ROUNDS)
        if labels.max() + 1 <= count:
            break
        count = int(labels.max()) + 1
    labels = _settled(rest, chosen, labels, LAST_ROUNDS)
    return labels, fitted_motions(rest, poses, labels)


def _split(tree: cKDTree, rest: np.ndarray, poses: np.ndarray, labels: np.ndarray, count: int, most: int) -> np.ndarray:
    """Return labels with new parts around the worst vertices of the parts that have most of the error."""
    error = errors_of(rest, poses, fitted_motions(rest, poses, labels))[np.arange(len(rest)), labels]
    sums = np.bincount(labels, error, count)
    grown, near = labels.copy(), max(SMALLEST_SEED, round(SEED * len(rest)))
    for part in np.argsort(-sums, kind="stable")[: most - count]:
        mine = np.flatnonzero(labels == part)
        if sums[part] < sums.mean() / 2 or sums[part] <= len(mine) * STILL**2 or len(mine) < 2 * FEWEST:
            continue
        worst = mine[np.argmax(error[mine])]
        around = np.atleast_1d(tree.query(rest[worst], min(near, len(mine) // 2))[1])
        grown[around[labels[around] == part]] = grown.max() + 1
    return grown


def _settled(rest: np.ndarray, poses: np.ndarray, labels: np.ndarray, rounds: int) -> np.ndarray:
    """Return labels (V,) after assigning each vertex to the part whose motion fits it best, without tiny parts."""
    for _ in range(rounds):
        labels = _numbered(np.argmin(errors_of(rest, poses, fitted_motions(rest, poses, labels)), axis=1))
        sizes = np.bincount(labels)
        if (sizes < FEWEST).any() and (sizes >= FEWEST).any():
            kept = np.flatnonzero(sizes >= FEWEST)
            motions = fitted_motions(rest, poses, labels)[:, kept]
            labels = _numbered(np.argmin(errors_of(rest, poses, motions), axis=1))
    return labels


def _numbered(labels: np.ndarray) -> np.ndarray:
    """Return labels without gaps."""
    return np.unique(labels, return_inverse=True)[1].reshape(-1)


def fitted_motions(rest: np.ndarray, poses: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the rigid motion (T, B, 4, 4) of each part that fits its vertices best (Kabsch 1976)."""
    count = int(labels.max()) + 1
    member = csr_matrix((np.ones(len(labels)), (labels, np.arange(len(labels)))), (count, len(labels)))
    sizes = np.maximum(np.asarray(member.sum(axis=1)), 1)
    middles = member @ rest / sizes
    motions = np.zeros((len(poses), count, 4, 4))
    motions[..., 3, 3] = 1
    for matrix, pose in zip(motions, poses, strict=True):
        there = member @ pose / sizes
        products = (rest - middles[labels])[:, :, None] * (pose - there[labels])[:, None, :]
        matrix[:, :3, :3] = nearest_rotations((member @ products.reshape(-1, 9)).reshape(-1, 3, 3).transpose(0, 2, 1))
        matrix[:, :3, 3] = there - np.einsum("bij,bj->bi", matrix[:, :3, :3], middles)
    return motions


def nearest_rotations(matrices: np.ndarray) -> np.ndarray:
    """Return the rotations (..., 3, 3) nearest to matrices."""
    left, _, right = np.linalg.svd(matrices)
    mirror = np.ones(matrices.shape[:-1])
    mirror[..., 2] = np.sign(np.linalg.det(left @ right))
    return (left * mirror[..., None, :]) @ right


def errors_of(rest: np.ndarray, poses: np.ndarray, motions: np.ndarray) -> np.ndarray:
    """Return the sum over the poses of the squared distance of each vertex from where each motion takes it: (V, B).

    The square of R x + t - p is multiplied out, so that one matrix product serves all vertices and motions of a pose.
    """
    total = np.zeros((len(rest), motions.shape[1]))
    for pose, matrices in zip(poses, motions, strict=True):
        turns, shifts = matrices[:, :3, :3], matrices[:, :3, 3]
        products = (pose[:, :, None] * rest[:, None, :]).reshape(-1, 9)
        known = np.hstack([products, rest, pose])
        wanted = np.hstack([-turns.reshape(-1, 9), np.einsum("bij,bi->bj", turns, shifts), -shifts])
        squares = (rest**2 + pose**2).sum(axis=1)[:, None] + (shifts**2).sum(axis=1)
        total += np.maximum(2 * (known @ wanted.T) + squares, 0)
    return total
