"""Skinning decomposition of a mesh that moves: bones that move rigidly, and at most four of them for each vertex.

Le and Deng, "Robust and accurate skeletal rigging from mesh sequences" (2014), by the library py-dem-bones, in a
process that can be stopped.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from ..errors import InputError
from ..geometry.triangles import joined
from ..side_process import run_beside
from . import dem_bones
from .clusters import nearest_rotations, rigid_parts

SOLVER = Path(dem_bones.__file__)
LIBRARY = "py_dem_bones"
ITERATIONS, AT_ONCE = 20, 5
"""Iterations of a decomposition, and of each process, which is how finely progress is reported."""
SAME_PLACE = 1e-6
"""Vertices closer than this share of the size, at rest and in every pose, are one."""
SMALLEST_WEIGHT = 1e-3
STEPS = 1024
"""Weights are multiples of one part in so many. Game engines keep 256, and Blender writes vertices of equal weight at
once."""


@dataclass(frozen=True, eq=False)
class Skinning:
    """Which bones each vertex follows, and how the bones move.

    Args:
        influences: (V, 4) int32, bones; 0 where there is no weight.
        weights: (V, 4) float64, decreasing, multiples of 1 / STEPS; each row sums to 1.
        deforms: (T, B, 4, 4) float64, rigid, from rest to pose.
    """

    influences: np.ndarray
    weights: np.ndarray
    deforms: np.ndarray

    @property
    def dense(self) -> np.ndarray:
        """The weights as (V, B)."""
        full = np.zeros((len(self.weights), self.deforms.shape[1]))
        np.add.at(full, (np.arange(len(full))[:, None], self.influences), self.weights)
        return full

    def poses(self, rest: np.ndarray) -> np.ndarray:
        """Return the vertices (T, V, 3) float64 that the bones make of those at rest (V, 3)."""
        return skinned(rest, self.influences, self.weights, self.deforms)


def skinned(rest: np.ndarray, influences: np.ndarray, weights: np.ndarray, deforms: np.ndarray) -> np.ndarray:
    """Return (T, V, 3) float64 by linear blend skinning; see `Skinning`."""
    homogeneous = np.column_stack([rest.astype(np.float64), np.ones(len(rest))])
    moved = np.zeros((len(deforms), *rest.shape))
    for pose, matrices in zip(moved, deforms[:, :, :3], strict=True):
        for column in range(weights.shape[1]):
            pose += weights[:, column, None] * np.einsum("vij,vj->vi", matrices[influences[:, column]], homogeneous)
    return moved


def require_library() -> None:
    """Raise InputError if the library is not installed."""
    if find_spec(LIBRARY) is None:
        python = ".".join(map(str, sys.version_info[:2]))
        raise InputError(
            f"Bones need the package py-dem-bones, which this Python {python} lacks.",
            "Install the backend with Python 3.11 or 3.12, for which it is made.",
        )


def decompose(
    rest: np.ndarray,
    faces: np.ndarray,
    poses: np.ndarray,
    bones: int,
    advance: Callable[[int], None] = lambda iterations: None,
    check: Callable[[], None] = lambda: None,
) -> Skinning:
    """Return the skinning of a motion by at most so many bones; fewer if they explain it, or if the mesh has no more.

    Args:
        rest: (V, 3), faces: (F, 3), poses: (T, V, 3), finite.
        advance: called with the number of iterations done since the last call, ITERATIONS in all.
        check: called regularly; an exception that it raises stops the work.
    Raises:
        InputError: the mesh has no surface, or the library found no bones.
    """
    used, index, corners = welded(rest, faces, poses)
    if not len(corners):
        raise InputError("The mesh has no faces with an area, so no bones can be found.", "Use a mesh with a surface.")
    centre, size = _box(rest[used])
    still, moving = (rest[used] - centre) / size, (poses[:, used] - centre) / size
    labels, matrices = rigid_parts(still, moving, bones, check)
    weights = np.eye(matrices.shape[1])[labels].T
    for _ in range(ITERATIONS // AT_ONCE):
        weights, matrices = _solve(still, moving, corners, weights, matrices, check)
        advance(AT_ONCE)
    return _tidied(weights.T[index], _in_units(matrices, centre, size))


def _solve(
    rest: np.ndarray,
    poses: np.ndarray,
    faces: np.ndarray,
    weights: np.ndarray,
    matrices: np.ndarray,
    check: Callable[[], None],
) -> tuple[np.ndarray, np.ndarray]:
    try:
        weights, matrices = run_beside(
            SOLVER, "solve", (rest, poses, faces, weights, matrices, np.array(AT_ONCE)), check
        )
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"The bones could not be found: {error}.", "Try another number of bones.") from error
    if not (np.isfinite(weights).all() and np.isfinite(matrices).all() and len(weights)):
        raise InputError("The bones could not be found: the solver returned no finite numbers.", "Repair the mesh.")
    return weights, matrices


def welded(rest: np.ndarray, faces: np.ndarray, poses: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Merge vertices that share a place at rest and in every pose, and leave out those that no face uses.

    Returns:
        the kept vertices (W,), the kept vertex (V,) that each vertex follows, as an index into these, and the faces
        (F, 3) between these, without any that have no area left. Vertices without a face follow the nearest one.
    """
    reach = SAME_PLACE * _box(rest[np.unique(faces)] if len(faces) else rest)[1]
    pairs = cKDTree(rest).query_pairs(reach, output_type="ndarray")
    apart = np.zeros(len(pairs))
    for pose in poses:
        apart = np.maximum(apart, np.linalg.norm(pose[pairs[:, 0]] - pose[pairs[:, 1]], axis=1))
    pairs = pairs[apart <= reach]
    _, first, place = np.unique(joined(pairs, len(rest))[1], return_index=True, return_inverse=True)
    corners = place[faces]
    proper = (corners != np.roll(corners, 1, axis=1)).all(axis=1)
    used = np.unique(corners[proper])
    if not len(used):
        return used, used, corners[:0]
    number = np.full(len(first), -1)
    number[used] = np.arange(len(used))
    lost = number < 0
    number[lost] = cKDTree(rest[first[used]]).query(rest[first[lost]])[1]
    return first[used], number[place], number[corners[proper]]


def _box(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the centre and the diagonal of the bounding box; 1 for a mesh without a size."""
    low, high = points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64)
    return (low + high) / 2, float(np.linalg.norm(high - low)) or 1.0


def _in_units(matrices: np.ndarray, centre: np.ndarray, size: float) -> np.ndarray:
    """Return matrices (T, B, 4, 4) of unit space in the mesh's own, with exact rotations."""
    turns = nearest_rotations(matrices[..., :3, :3])
    moved = np.zeros_like(matrices)
    moved[..., :3, :3], moved[..., 3, 3] = turns, 1.0
    moved[..., :3, 3] = size * matrices[..., :3, 3] + centre - turns @ centre
    return moved


def _tidied(weights: np.ndarray, matrices: np.ndarray) -> Skinning:
    """Keep the four largest weights (V, B) of each vertex, and the bones that some vertex follows."""
    columns = min(4, weights.shape[1])
    largest = np.argsort(-weights, axis=1, kind="stable")[:, :columns]
    share = np.take_along_axis(weights, largest, axis=1).clip(0)
    share[share < SMALLEST_WEIGHT * share[:, :1]] = 0
    total = share.sum(axis=1, keepdims=True)
    share = _in_steps(np.where(total > 0, share / np.where(total > 0, total, 1), np.eye(1, columns)))
    kept = np.unique(largest[share > 0])
    number = np.zeros(weights.shape[1], np.int32)
    number[kept] = np.arange(len(kept))
    wide = ((0, 0), (0, 4 - columns))
    influences = np.pad(np.where(share > 0, number[largest], 0), wide).astype(np.int32)
    return Skinning(influences, np.pad(share, wide), matrices[:, kept])


def _in_steps(share: np.ndarray) -> np.ndarray:
    """Return rows (V, C) that sum to 1 as multiples of 1 / STEPS that do, too; the largest remainders go up."""
    whole = np.floor(share * STEPS)
    rank = np.argsort(np.argsort(whole - share * STEPS, axis=1, kind="stable"), axis=1)
    lacking = np.round(STEPS - whole.sum(axis=1, keepdims=True))
    return (whole + (rank < lacking)) / STEPS
