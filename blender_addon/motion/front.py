"""How a subject stands before the camera, from its shape and its motion alone.

Left and right come from the plane that mirrors the subject at rest (`symmetry`). Pairs of small parts on the head,
toes, the place of the head and the direction in which the feet push decide which of the two ways across that plane is
ahead. If the subject already faces the documented front, Blender's -Y, where importers put it, it stays so. A long body
that lies is seen from its side, any other from its front. The world is Blender's, +Z up.
"""

from dataclasses import dataclass, replace

import numpy as np

from .parts import loose_parts, paired_parts
from .symmetry import mirror_yaw

UP, DOCUMENTED = np.array([0.0, 0.0, 1.0]), np.array([0.0, -1.0, 0.0])
PRIOR, COMPATIBLE = 2.0, 0.7
"""The weight of the documented front, against at most 3.9 for all else, and how closely (a cosine) it must lie
across the plane."""
UNLIKE = 0.25
"""A rest pose is of use if it differs from the first pose, beyond turning and scaling, by at most this share of the
size."""
LONG, LYING = 1.3, 2.2
"""A body is long if its length is this many times its width, and its length squared this many times its width times its
height."""
SNAP = np.radians(25.0)
"""A subject this close to an axis of the file faces along it: a step or a lean does not change where it looks."""
TWIST = 0.35
"""A motion that begins turned from the others by less than 70 degrees (a cosine) begins in a twisted pose and faces as
they do."""
MIDDLE = (1.0, 99.0)
"""Percentiles between which a body's length, width and height are measured."""


@dataclass(frozen=True, eq=False)
class Standing:
    """Which way a subject faces.

    Args:
        points: (P, 3) of its surface at rest.
        left: (3,) its own left at rest, horizontal.
        usual: (3,) the direction ahead where its motions begin.
        long: whether it is a long body that lies.
    """

    points: np.ndarray
    left: np.ndarray
    usual: np.ndarray
    long: bool

    def turn(self, poses: np.ndarray) -> np.ndarray:
        """Return the rotation (3, 3) into model space, turned = R @ world, for a motion with its points at (N, P, 3).

        The first frame's front is +Z; a long body has its head at +X instead. A motion that lies in all frames counts
        as long.
        """
        own, usual = self.ahead(poses[0]), _snapped(self.usual)
        ahead = usual if own @ usual > TWIST else _snapped(own)
        seen_from = np.cross(ahead, UP) if self.long or self.lies(poses) else ahead
        return np.stack([np.cross(UP, seen_from), UP, seen_from])

    def lies(self, poses: np.ndarray) -> bool:
        """Return whether all poses (N, P, 3) are those of a long body that lies."""
        return bool((_ratios(np.array([self._sides(pose) for pose in poses])) >= (LONG, LYING)).all())

    def ahead(self, pose: np.ndarray) -> np.ndarray:
        """Return the direction ahead of the subject in a pose (P, 3)."""
        return ahead_of(_level(aligned(self.points, pose) @ self.left))

    def _sides(self, pose: np.ndarray) -> np.ndarray:
        return sides(pose, self.ahead(pose))


def stand(vertices: np.ndarray, triangles: np.ndarray, points: np.ndarray, clips: list[np.ndarray]) -> Standing:
    """Find out how a subject stands.

    Args:
        vertices: (V, 3) at rest.
        triangles: (F, 3).
        points: (P, 3) of its surface at rest, spread evenly, in random order.
        clips: for each of its motions, at least one, the same points in some frames (N, P, 3).
    """
    yaw = mirror_yaw(vertices, points)
    normal = np.array([np.cos(yaw), np.sin(yaw), 0.0])
    score = _documented(points, normal, clips) + _evidence(vertices, triangles, points, normal, clips)
    left = normal if score >= 0 else -normal
    usual = np.median([ahead_of(_level(aligned(points, poses[0]) @ left)) for poses in clips], axis=0)
    standing = Standing(points, left, usual / max(np.linalg.norm(usual), 1e-9), False)
    measured = np.array([standing._sides(pose) for poses in clips for pose in poses])
    return replace(standing, long=bool((np.median(_ratios(measured), axis=0) >= (LONG, LYING)).all()))


def is_like(points: np.ndarray, pose: np.ndarray) -> bool:
    """Return whether points at rest (P, 3) match a pose (P, 3), apart from turning and scaling.

    Some files have a rig whose rest pose is unusable.
    """
    rotation = aligned(points, pose)
    rest, posed = (points - points.mean(axis=0)) @ rotation.T, pose - pose.mean(axis=0)
    scale = (rest * posed).sum() / max((rest**2).sum(), 1e-30)
    missed = np.sqrt(((scale * rest - posed) ** 2).sum(axis=1).mean())
    return bool(missed < UNLIKE * np.ptp(posed, axis=0).max())


def aligned(points: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Return the (3, 3) rotation that best turns points (P, 3) onto a pose (P, 3) (Kabsch 1976)."""
    u, _, vt = np.linalg.svd((points - points.mean(axis=0)).T @ (pose - pose.mean(axis=0)))
    handed = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    return ((u * handed) @ vt).T


def ahead_of(left: np.ndarray) -> np.ndarray:
    """Return the direction (3,) ahead of a subject, given its left."""
    return np.cross(left, UP)


def sides(points: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """Return (3,): the length along `ahead`, the width across it and the height of points (P, 3)."""
    low, high = np.percentile(points @ np.stack([ahead, np.cross(UP, ahead), UP]).T, MIDDLE, axis=0)
    return np.maximum(high - low, 1e-9)


def _ratios(measured: np.ndarray) -> np.ndarray:
    """Return (N, 2) ratios to compare with LONG and LYING, from (N, 3) lengths, widths and heights."""
    length, width, height = measured.T
    return np.stack([length / width, length**2 / (width * height)], axis=1)


def _level(vector: np.ndarray) -> np.ndarray:
    """Return the vector's direction on the ground, of length 1; +X for an upright vector."""
    flat = vector * (1, 1, 0)
    length = np.linalg.norm(flat)
    return flat / length if length > 1e-6 else np.array([1.0, 0.0, 0.0])


def _snapped(ahead: np.ndarray) -> np.ndarray:
    yaw = np.arctan2(ahead[1], ahead[0])
    axis = np.round(yaw / (np.pi / 2)) * (np.pi / 2)
    yaw = axis if abs(yaw - axis) < SNAP else yaw
    exact = np.array([np.cos(yaw), np.sin(yaw), 0.0])
    return np.round(exact) if yaw == axis else exact


def _documented(points: np.ndarray, normal: np.ndarray, clips: list[np.ndarray]) -> float:
    """Return PRIOR if a subject whose left is `normal` faces the documented front, -PRIOR if its back does, else 0."""
    along = np.mean([ahead_of(_level(aligned(points, poses[0]) @ normal)) @ DOCUMENTED for poses in clips])
    return PRIOR * float(np.sign(along)) if abs(along) >= COMPATIBLE else 0.0


def _evidence(
    vertices: np.ndarray, triangles: np.ndarray, points: np.ndarray, normal: np.ndarray, clips: list[np.ndarray]
) -> float:
    """Return a positive number if a subject whose left is `normal` looks ahead.

    Sizes and weights were found by trial on animated characters.
    """
    ahead, size = ahead_of(normal), float(np.ptp(points, axis=0).max())
    height = (points[:, 2] - points[:, 2].min()) / (np.ptp(points[:, 2]) or 1.0)
    forth = points @ ahead / size
    pairs = paired_parts(loose_parts(vertices, triangles), normal, size)
    pairs = pairs[pairs[:, 2] > points[:, 2].min() + 0.4 * np.ptp(points[:, 2])]
    eyes = [
        place @ ahead / size - _median(forth[np.abs(points[:, 2] - place[2]) < 0.1 * np.ptp(points[:, 2])])
        for place in pairs
    ]
    toes = _mean(forth[height < 0.06]) - _mean(forth[(height > 0.1) & (height < 0.25)])
    head = _mean(forth[height > 0.85]) - float(np.median(forth))
    steps = [_stepping(poses, ahead_of(_level(aligned(points, poses[0]) @ normal)), size) for poses in clips]
    weighed = ((1.5, _mean(eyes), 0.1), (0.7, toes, 0.1), (0.7, head, 0.3), (1.0, _mean(steps), 0.3))
    return float(sum(weight * np.clip(value / full, -1, 1) for weight, value, full in weighed))


def _stepping(poses: np.ndarray, ahead: np.ndarray, size: float) -> float:
    """Return how one-sidedly the points near the ground move backwards, from -1 to 1.

    Feet that push move backwards under a body that stays.
    """
    if len(poses) < 2:
        return 0.0
    relative = (poses - poses.mean(axis=1, keepdims=True)) @ ahead / size
    speed, heights = np.diff(relative, axis=0), (poses[1:, :, 2] + poses[:-1, :, 2]) / 2
    weights = np.exp(-(((heights - np.percentile(heights, 1)) / (0.04 * size)).clip(min=0) ** 2))
    total = (weights * np.abs(speed)).sum()
    return -float((weights * speed).sum() / max(total, 1e-9)) * min(1.0, float(total / weights.sum()) / 0.01)


def _mean(values: np.ndarray | list[float]) -> float:
    return float(np.mean(values)) if len(values) else 0.0


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else 0.0
