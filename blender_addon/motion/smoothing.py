"""Calmer paths of the vertices: each place is that of a curve fitted to its neighbours in time.

    EXTREMES   a cubic, all neighbours alike (Savitzky and Golay 1964): peaks keep their height
    SOFT       a line, near neighbours count more (local regression, Cleveland 1979): calmer, but rounds peaks off

Poses at uneven times, and the first and last ones, are fitted like all others: the curve is read where the pose is, not
in the middle of its neighbours. So steady motion stays exactly as it is.
"""

from enum import StrEnum

import numpy as np


class Filter(StrEnum):
    """The curve that is fitted."""

    EXTREMES = "EXTREMES"
    SOFT = "SOFT"


DEGREES = {Filter.EXTREMES: 3, Filter.SOFT: 1}


def smoothing_matrix(times: np.ndarray, kind: Filter, reach: int, strength: float, lasts: float = 0.0) -> np.ndarray:
    """Return the (T, T) float64 matrix that makes smooth poses from poses; its rows add up to 1.

    Args:
        times: (T,) seconds, increasing.
        reach: neighbours on each side; near an end, the missing ones are taken from the other side. A cubic goes
            through all places if there is only one.
        strength: 0 changes nothing, 1 is the fitted curve.
        lasts: seconds from the first pose to its return in a loop; 0 if the motion does not repeat.
    """
    count = len(times)
    matrix = np.zeros((count, count))
    for pose in range(count):
        around, moments = _neighbours(times, pose, min(reach, (count - 1) // 2), lasts)
        np.add.at(matrix[pose], around, _row(moments - times[pose], kind))
    return (1 - strength) * np.eye(count) + strength * matrix


def _neighbours(times: np.ndarray, pose: int, reach: int, lasts: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the 2 * reach + 1 poses around a pose, and their times."""
    count = len(times)
    if lasts:
        places = np.arange(pose - reach, pose + reach + 1)
        return places % count, times[places % count] + lasts * (places // count)
    first = min(max(pose - reach, 0), count - 2 * reach - 1)
    places = np.arange(first, first + 2 * reach + 1)
    return places, times[places]


def _row(offsets: np.ndarray, kind: Filter) -> np.ndarray:
    """Return the (N,) weights with which neighbours at times `offsets` (N,) give the fitted curve's value at 0."""
    span = float(np.abs(offsets).max())
    if not span:
        return np.ones(1)
    degree = min(DEGREES[kind], len(offsets) - 1)
    powers = (offsets / span)[:, None] ** np.arange(degree + 1)
    root = np.exp(-((offsets / span) ** 2)) if kind == Filter.SOFT else np.ones(len(offsets))
    return np.linalg.pinv(powers * root[:, None])[0] * root


def smooth(poses: np.ndarray, matrix: np.ndarray, fixed: int | None = None) -> np.ndarray:
    """Return smooth poses (T, V, 3) float32 of poses (T, V, 3) float32; a part of the vertices will do.

    Args:
        matrix: from `smoothing_matrix`.
        fixed: a pose that keeps its places. What smoothing changes there is subtracted from all poses, as writing a
            result does with its own error at the reference pose.
    """
    if fixed is not None:
        matrix = matrix - matrix[fixed] + np.eye(len(matrix))[fixed]
    flat = poses.reshape(len(poses), -1)
    mixed = matrix.astype(np.float32) @ flat
    if fixed is not None:
        mixed[fixed] = flat[fixed]
    return mixed.reshape(poses.shape)
