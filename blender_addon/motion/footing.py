"""Feet that stand where they touched down: the body moves with them, and no leg is stretched.

A vertex is planted from one pose to the next while it is low and slow. It stays planted until it is clearly higher or
faster (hysteresis), so that it does not flicker. The body then moves against the slide of the planted vertices: their
median, as a foot that swings low may be among them. While nothing is planted, the correction per pose goes over from
that before to that after. With the body moved like this, what stands is slower and what swings faster, so the same is
done again with half the speed allowed. Finding contacts by height and speed is what clean-up of footskate begins with
(Kovar, Schreiner and Gleicher 2002).

Lengths are world units with Z up; "height" is that of the subject.
"""

from dataclasses import dataclass

import numpy as np

from ..errors import ArtistError
from .smoothing import Filter, smoothing_matrix

STAY = 1.5
"""A planted vertex may become this many times as high and as fast as one that is planted anew."""
PASSES, ENOUGH = 3, 0.8
"""How often feet are looked for, and the share of the first time's steps in which a later time must find some."""
GROUNDED = 0.25
"""The ground is as high as the lowest vertex in this share of the poses: an airborne subject's is higher."""


@dataclass(frozen=True)
class Limits:
    """What counts as standing.

    Args:
        low: share of the subject's height above the ground.
        slow: speed in heights per second.
    """

    low: float = 0.04
    slow: float = 0.4


@dataclass(frozen=True, eq=False)
class Footing:
    """How a body is moved so that its feet stand, and what that mends.

    Args:
        offsets: (T, 3) world units to add to each pose.
        ground: height of the ground.
        height: of the subject.
        slid, slides: median way of planted vertices along the ground from pose to pose, before and after.
        sank, sinks: greatest depth of a vertex below the ground, before and after.
        planted: share of the steps from pose to pose in which something stands.
    """

    offsets: np.ndarray
    ground: float
    height: float
    slid: float
    slides: float
    sank: float
    sinks: float
    planted: float


def footing(
    places: np.ndarray,
    times: np.ndarray,
    limits: Limits,
    ground: float | None = None,
    still: int = 0,
    along: bool = True,
    upward: bool = True,
    calm: int = 0,
) -> Footing:
    """Find the feet and how to move the body so that they stand.

    Args:
        places: (T, V, 3) world units, Z up; T is 2 or more.
        times: (T,) seconds, increasing.
        ground: its height; None to estimate it.
        still: the pose that is not moved along the ground.
        along: move the body along the ground.
        upward: move it up and down: what stands is on the ground, and nothing is below it.
        calm: poses on each side over which the moves along the ground are smoothed (`smoothing.Filter.SOFT`). At 0
            feet stand exactly, and the body trembles as they did.
    Raises:
        ArtistError: nothing stands.
    """
    lowest = places[..., 2].min(axis=1).astype(np.float64)
    height = float(np.median(places[..., 2].max(axis=1) - lowest))
    level = float(np.quantile(lowest, GROUNDED)) if ground is None else ground
    near = places[..., 2].min(axis=0) < level + STAY * limits.low * height
    feet = places[:, near].astype(np.float64)
    path, planted = _follow(feet, times, level, Limits(limits.low * height, limits.slow * height), calm)
    offsets = np.zeros((len(places), 3))
    if along:
        offsets[:, :2] = path - path[still]
    if upward:
        offsets[:, 2] = _lift(lowest, planted, level)
    return Footing(
        offsets,
        level,
        height,
        _way(feet, planted),
        _way(feet + offsets[:, None], planted),
        float((level - lowest).max().clip(0)),
        float((level - lowest - offsets[:, 2]).max().clip(0)),
        float(planted.any(axis=1).mean()),
    )


def _follow(
    feet: np.ndarray, times: np.ndarray, ground: float, limits: Limits, calm: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the path (T, 2) along the ground that keeps feet (T, W, 3) standing, and what stands (T - 1, W).

    Args:
        limits: in units and units per second.
    """
    path, planted = np.zeros((len(feet), 2)), np.zeros((len(feet) - 1, feet.shape[1]), bool)
    for turn in range(PASSES):
        moved = feet + np.pad(path, ((0, 0), (0, 1)))[:, None]
        found = find_planted(moved, times, ground, limits.low, limits.slow / 2**turn)
        if not found.any():
            break
        if found.any(axis=1).sum() < ENOUGH * planted.any(axis=1).sum():
            break
        path, planted = path + _against(slides_of(moved, found)), found
    if not planted.any():
        problem = "No foot stands on the ground in this animation."
        raise ArtistError(problem, "Allow more height above the ground or more slide, or set the ground's height.")
    if calm:
        steps = np.diff(path, axis=0)
        path = -_against(smoothing_matrix((times[1:] + times[:-1]) / 2, Filter.SOFT, calm, 1.0) @ steps)
    return path, planted


def find_planted(feet: np.ndarray, times: np.ndarray, ground: float, low: float, slow: float) -> np.ndarray:
    """Return (T - 1, W) bool: which vertices stand from each pose to the next.

    Args:
        feet: (T, W, 3).
        low: greatest height above the ground at both poses, where standing begins.
        slow: greatest speed in units per second, in any direction.
    """
    heights = np.maximum(feet[1:, :, 2], feet[:-1, :, 2]) - ground
    speeds = np.linalg.norm(np.diff(feet, axis=0), axis=-1) / np.diff(times)[:, None]
    begins = (heights <= low) & (speeds <= slow)
    stays = (heights <= STAY * low) & (speeds <= STAY * slow)
    planted = begins.copy()
    for step in range(1, len(planted)):
        planted[step] |= planted[step - 1] & stays[step]
    return planted


def slides_of(feet: np.ndarray, planted: np.ndarray) -> np.ndarray:
    """Return (T - 1, 2): the median slide of planted vertices along X and Y from each pose to the next.

    Steps in which nothing is planted get values between those before and after.
    """
    ways, steps = np.diff(feet[..., :2], axis=0), np.arange(len(planted))
    stands = np.flatnonzero(planted.any(axis=1))
    medians = np.array([np.median(ways[step, planted[step]], axis=0) for step in stands])
    return np.stack([np.interp(steps, stands, column) for column in medians.T], axis=1)


def _against(slides: np.ndarray) -> np.ndarray:
    """Return the (T, 2) places of a body that moves against slides (T - 1, 2)."""
    return np.concatenate([np.zeros((1, 2)), -np.cumsum(slides, axis=0)])


def _lift(lowest: np.ndarray, planted: np.ndarray, ground: float) -> np.ndarray:
    """Return (T,): how far to lift each pose. Poses that stand come to the ground, others follow or are kept above."""
    stands = planted.any(axis=1)
    poses = np.flatnonzero(np.append(stands, False) | np.append(False, stands))
    lifts = np.interp(np.arange(len(lowest)), poses, ground - lowest[poses])
    return np.maximum(lifts, ground - lowest)


def _way(feet: np.ndarray, planted: np.ndarray) -> float:
    return float(np.median(np.linalg.norm(np.diff(feet[..., :2], axis=0), axis=-1)[planted]))
