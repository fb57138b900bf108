"""A loop from a motion that does not repeat exactly: where to cut it, and how to bend its end to meet its start.

Two poses are alike if their vertices are at the same places and move alike, as in motion graphs (Kovar, Gleicher and
Pighin 2002). A motion that repeats, such as a walk, has a period: it is found as YIN finds that of a sound (Cheveigne
and Kawahara 2002), and whole periods are preferred, as half a step may look like a whole one.
"""

from dataclasses import dataclass

import numpy as np

from ..errors import ArtistError
from .amounts import amplitude, sampled

PERIODIC = 0.15
"""A motion repeats after the shortest lag whose normalised difference is below this (YIN's threshold)."""
NEAR_PERIOD = 0.05
"""Share of a period by which a loop may be longer or shorter than whole periods; at least one pose."""
AS_GOOD, AS_GOOD_SHARE = 1.1, 0.002
"""Seams count as equal up to this factor, plus this share of the amplitude; of these, the one with the most
cycles is taken, or the longest if nothing repeats."""
STILL = 1e-6
"""Share of the mesh's size; less is not motion."""


@dataclass(frozen=True)
class Seam:
    """A cut: the loop is the poses `start` to `end - 1`, and `end` is the pose that `start` replaces.

    Args:
        start, end: indices of poses.
        gap: how far the two poses are apart, in place and in motion, as a share of the amplitude.
        period: poses after which the motion repeats; None if it does not.
    """

    start: int
    end: int
    gap: float
    period: float | None = None


def find_seam(poses: np.ndarray, times: np.ndarray, shortest: int) -> Seam:
    """Return the best seam over all pairs of poses that are at least `shortest` apart.

    Args:
        poses: (T, V, 3), in any unit.
        times: (T,) seconds, increasing.
        shortest: poses that the loop has at least; 2 or more.
    Raises:
        ArtistError: there are fewer poses, or nothing moves.
    """
    if not 2 <= shortest < len(poses):
        raise ArtistError(f"A loop of {shortest} poses does not fit into {len(poses)}.", "Allow a shorter loop.")
    size = amplitude(poses)
    if size <= STILL * float(np.linalg.norm(np.ptp(poses[0].astype(np.float64), axis=0))):
        raise ArtistError("The animation does not move.", "Choose one that moves.")
    gaps = _gaps(sampled(poses), times)
    period = _period(gaps)
    start, end = _best(gaps, shortest, period, size)
    return Seam(start, end, float(gaps[start, end]) / size, period)


def _gaps(poses: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the (T, T) distances between poses (RMS over vertices) of places and of motions per pose."""
    step = float(np.median(np.diff(times)))
    features = np.concatenate([poses, velocities(poses, times) * step], axis=1).reshape(len(poses), -1)
    features -= features.mean(axis=0)
    products = features @ features.T
    squares = np.diag(products)[:, None] + np.diag(products) - 2 * products
    return np.sqrt(squares.clip(0) / poses.shape[1])


def velocities(poses: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the velocities (T, V, 3) per second of poses (T, V, 3): second-order differences, also at both ends."""
    return np.gradient(poses, times, axis=0, edge_order=2 if len(poses) > 2 else 1)


def _period(gaps: np.ndarray) -> float | None:
    """Return the number of poses after which the motion repeats, or None. At least a third of all poses must recur."""
    count = len(gaps)
    lags = np.arange(1, count - count // 3)
    means = np.array([np.square(np.diagonal(gaps, lag)).mean() for lag in lags])
    if len(means) < 3 or not means.any():
        return None
    normal = means * lags / np.cumsum(means)
    for place in range(1, len(lags) - 1):
        before, here, after = normal[place - 1 : place + 2]
        if here < PERIODIC and here <= before and here <= after:
            bend = before - 2 * here + after
            return float(lags[place] + (0.5 * (before - after) / bend if bend > 0 else 0.0))
    return None


def _best(gaps: np.ndarray, shortest: int, period: float | None, size: float) -> tuple[int, int]:
    starts, ends = np.triu_indices(len(gaps), shortest)
    lengths, found = ends - starts, gaps[starts, ends]
    ranks = lengths
    if period is not None:
        cycles = np.maximum(np.round(lengths / period), 1)
        whole = np.abs(lengths - cycles * period) <= max(1.0, NEAR_PERIOD * period)
        if whole.any():
            starts, ends, ranks, found = starts[whole], ends[whole], cycles[whole], found[whole]
    good = found <= AS_GOOD * found.min() + AS_GOOD_SHARE * size
    longest = good & (ranks == ranks[good].max())
    best = np.flatnonzero(longest)[np.argmin(found[longest])]
    return int(starts[best]), int(ends[best])


def bend(poses: np.ndarray, times: np.ndarray, seam: Seam, blend: int) -> np.ndarray:
    """Return the loop's poses (P, V, 3) in the dtype of `poses`, bent so that the last one leads into the first.

    To the last `blend` poses before `seam.end` the cubic is added that begins with neither offset nor velocity, and at
    `seam.end` makes up the difference from `seam.start` in both (Hermite's interpolation).

    Args:
        poses: (T, V, 3); a part of the vertices will do.
        times: (T,) seconds.
        blend: 0 changes nothing; at most all poses of the loop but the first are changed.
    """
    start, end = seam.start, seam.end
    loop = poses[start:end].copy()
    first = max(end - blend, start)
    offset = poses[start].astype(np.float64) - poses[end]
    turn = (_velocity_at(poses, times, start) - _velocity_at(poses, times, end)) * (times[end] - times[first])
    for pose in range(first + 1, end):
        share = (times[pose] - times[first]) / (times[end] - times[first])
        loop[pose - start] += offset * (share**2 * (3 - 2 * share)) + turn * (share**2 * (share - 1))
    return loop


def _velocity_at(poses: np.ndarray, times: np.ndarray, pose: int) -> np.ndarray:
    first = min(max(pose - 1, 0), max(len(poses) - 3, 0))
    near = slice(first, first + 3)
    return velocities(poses[near].astype(np.float64), times[near])[pose - first]


def kink(loop: np.ndarray, poses: np.ndarray, seam: Seam, blend: int) -> float:
    """Return how much a loop jerks where it was cut or bent, as a share of the amplitude; 0 for a perfect loop.

    That is the greatest difference (RMS over vertices) between the second differences of the loop, closed, and those
    of the motion at the same poses. A jump in place and a jump in velocity both count.

    Args:
        loop: (P, V, 3), bent over `blend` poses.
        poses: (T, V, 3) the motion.
    """
    loop, poses = sampled(loop), sampled(poses)
    count, length = len(poses), len(loop)
    natural = poses[2:] - 2 * poses[1:-1] + poses[:-2]
    greatest = 0.0
    for place in {0, length - 1, *range(max(length - blend, 0), length)}:
        pose = seam.start + place
        if pose == 0 and seam.end < count - 1:
            pose = seam.end
        now = loop[(place + 1) % length] - 2 * loop[place] + loop[place - 1]
        jerk = now - natural[min(max(pose, 1), count - 2) - 1]
        greatest = max(greatest, float(np.sqrt(np.square(jerk).sum(axis=-1).mean())))
    return greatest / amplitude(poses)
