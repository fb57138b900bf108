"""The motion of a body as a whole, and what is left without it: poses in place.

For each pose, the rotation and translation that bring the rest shape closest to it are found by weighted least squares
(Kabsch 1976 and 1978, whose sign keeps mirrors out). Around a given axis the best angle has a closed form.

Legs that swing would swing the whole body. So vertices that move much in place count less, and the motion is found
again (iteratively reweighted least squares, with the weights of Geman and McClure 1985).
"""

from collections.abc import Generator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from .sampling import face_normals

BLOCK, PASSES = 8, 3
"""Poses whose rigid motion is found in one slice, and how often it is found."""
STILL = 1e-4
"""If the core moves by less than this share of what moves most, it is found already."""
STEADY = 0.25
"""Share of the vertices that are the body's core; one that moves as much as its last has a quarter of its weight."""


class Turn(StrEnum):
    """Which rotation belongs to the body as a whole."""

    NONE = "NONE"
    UP = "UP"
    FULL = "FULL"


@dataclass(frozen=True, eq=False)
class Rigid:
    """Rigid motions x -> turns[t] @ x + moves[t].

    Args:
        turns: (T, 3, 3) float64 rotations.
        moves: (T, 3) float64.
    """

    turns: np.ndarray
    moves: np.ndarray

    def apply(self, pose: int, points: np.ndarray) -> np.ndarray:
        """Return points (V, 3) moved as in a pose, in float64."""
        return points @ self.turns[pose].T + self.moves[pose]

    def undo(self, pose: int, points: np.ndarray) -> np.ndarray:
        """Return points (V, 3) moved back, in float64; the inverse of `apply`."""
        return (points - self.moves[pose]) @ self.turns[pose]


def body_motion(
    poses: np.ndarray, rest: np.ndarray, weights: np.ndarray, turn: Turn, up: np.ndarray, upward: bool = True
) -> Generator[None, None, Rigid]:
    """Find how the steadiest part of a body moves, in slices; arguments as in `rigid_motion`.

    Returns:
        The rigid motions; those of the whole body if nothing moves in place.
    """
    counted = weights
    for turn_number in range(PASSES):
        parts, sums, squares = [], np.zeros(rest.shape), np.zeros(rest.shape)
        for start in range(0, len(poses), BLOCK):
            block = poses[start : start + BLOCK]
            parts.append(rigid_motion(block, rest, counted, turn, up, upward))
            for pose in range(len(block)):
                still = parts[-1].undo(pose, block[pose]) - rest
                sums, squares = sums + still, squares + still**2
            yield
        moves = np.sqrt((squares / len(poses) - (sums / len(poses)) ** 2).sum(axis=1).clip(0))
        core = float(np.quantile(moves, STEADY))
        if turn_number == PASSES - 1 or core <= STILL * float(moves.max()):
            break
        counted = weights / (1 + (moves / core) ** 2) ** 2
    return Rigid(np.concatenate([part.turns for part in parts]), np.concatenate([part.moves for part in parts]))


def rigid_motion(
    poses: np.ndarray, rest: np.ndarray, weights: np.ndarray, turn: Turn, up: np.ndarray, upward: bool = True
) -> Rigid:
    """Return how the body moves from its rest pose to each pose.

    Args:
        poses: (T, V, 3), in axes in which lengths are true.
        rest: (V, 3), the pose in which the body has not moved. It is met exactly.
        weights: (V,) above 0, such as the area around each vertex.
        turn: which rotation to find.
        up: (3,) unit vector.
        upward: include moves along `up`; otherwise they stay in the poses. A full turn always includes them.
    """
    share = weights / weights.sum()
    centre = share @ rest
    arms = rest - centre
    turns, moves = np.empty((len(poses), 3, 3)), np.empty((len(poses), 3))
    for pose, places in enumerate(poses):
        if np.array_equal(places, rest):
            turns[pose], moves[pose] = np.eye(3), 0
            continue
        middle = share @ places
        turns[pose] = _turn((arms * share[:, None]).T @ (places - middle), turn, up)
        if not upward and turn != Turn.FULL:
            middle = middle - ((middle - centre) @ up) * up
        moves[pose] = middle - turns[pose] @ centre
    return Rigid(turns, moves)


def _turn(spread: np.ndarray, turn: Turn, up: np.ndarray) -> np.ndarray:
    """Return the rotation (3, 3) that brings arms closest to places, from sum(weight * arm^T place) (3, 3)."""
    if turn == Turn.NONE:
        return np.eye(3)
    if turn == Turn.UP:
        along = np.trace(spread) - up @ spread @ up
        across = up @ [spread[1, 2] - spread[2, 1], spread[2, 0] - spread[0, 2], spread[0, 1] - spread[1, 0]]
        return about(up, float(np.arctan2(across, along)))
    left, _stretches, right = np.linalg.svd(spread)
    sign = np.sign(np.linalg.det(left) * np.linalg.det(right))
    return right.T @ np.diag([1.0, 1.0, sign]) @ left.T


def about(axis: np.ndarray, angle: float) -> np.ndarray:
    """Return the (3, 3) rotation by `angle` radians about a unit vector (Rodrigues)."""
    cross = np.cross(axis, np.eye(3)).T
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def areas(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Return (V,) float64: a third of the area of the triangles (F, 3) around each vertex, above 0.

    Vertices without a face count a millionth of the mean, so that they decide nothing.
    """
    third = np.linalg.norm(face_normals(vertices[triangles].astype(np.float64)), axis=-1) / 6
    found = np.bincount(triangles.ravel(), np.repeat(third, 3), len(vertices))
    return np.maximum(found, 1e-6 * found.mean() or 1.0)
