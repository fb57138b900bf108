"""Fewer shape keys for the same motion: principal components of the vertices' displacement from the basis.

The components come from the T x T matrix of products between poses (the method of snapshots, Sirovich 1987), so time
and memory grow with the number of vertices and not with its square. No mean is subtracted: a pose without displacement
keeps weight 0 in every key, so the reference pose stays exactly the basis. Between poses, weights and vertices both
run in straight lines, so the error is greatest at a pose.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import ArtistError

CHUNK = 1 << 14
SAMPLE = 2048
ROUNDING = 1e-10
"""Components with a smaller share of the motion's energy carry only float32 rounding."""


@dataclass(frozen=True)
class Compressed:
    """displacements ~ weights @ keys.

    Args:
        keys: (K, V, 3) float32, displacement from the basis at weight 1.
        weights: (T, K) float64, from 0 to 1.
        error: greatest distance of a vertex from its true position, in any pose, as a fraction of the size.
        components: number of principal components in the keys: K, or K - 1 if one key keeps the weights positive.
    """

    keys: np.ndarray
    weights: np.ndarray
    error: float
    components: int


def compress(
    displacements: np.ndarray, size: float, max_keys: int | None = None, max_error: float | None = None
) -> Compressed:
    """Find the fewest keys within `max_error`, or the best `max_keys` keys; with both, whichever gives fewer keys.

    Importers, among them Blender's for glTF and USD, clip weights below 0. So one extra key, the opposite of all
    components, makes every weight positive; it counts as a key.

    Args:
        displacements: (T, V, 3) float32, poses minus basis.
        size: diagonal of the basis's bounding box.
        max_keys: at most this many keys.
        max_error: greatest allowed error as a fraction of `size`.
    Raises:
        ArtistError: a number is out of range, both limits are missing, or a coordinate is not finite.
    """
    _check(displacements, size, max_keys, max_error)
    directions = _principal_directions(displacements)
    count = directions.shape[1]
    if max_error is not None:
        count = _fewest(displacements, directions, max_error * size)
    result = _build(displacements, directions[:, :count], size)
    while max_keys is not None and len(result.keys) > max_keys:
        count = min(count, max_keys + 1) - 1
        result = _build(displacements, directions[:, :count], size)
    return result


def _check(displacements: np.ndarray, size: float, max_keys: int | None, max_error: float | None) -> None:
    assert displacements.ndim == 3 and displacements.shape[2] == 3
    if max_keys is None and max_error is None:
        raise ArtistError("Neither a number of keys nor an allowed error was given.", "Give one of the two.")
    if max_keys is not None and max_keys < 1:
        raise ArtistError(f"The number of keys is {max_keys}.", "Use 1 or more.")
    if max_error is not None and not 0 < max_error < 1:
        raise ArtistError(f"The allowed error is {max_error} of the size.", "Use a fraction such as 0.005.")
    if not (size > 0 and np.isfinite(size)):
        raise ArtistError(f"The mesh has the size {size}.", "Give it an extent.")
    if not all(np.isfinite(pose).all() for pose in displacements):
        raise ArtistError(
            "The animation has coordinates that are not finite numbers.", "Remove them, or make it again."
        )


def _principal_directions(displacements: np.ndarray) -> np.ndarray:
    """Return (T, R) orthonormal columns, the strongest first; rows of resting poses are exactly 0."""
    gram = np.zeros((len(displacements), len(displacements)))
    for part in _chunks(displacements):
        gram += part @ part.T
    energies, columns = np.linalg.eigh(gram)
    energies, columns = energies[::-1], columns[:, ::-1]
    columns = columns[:, energies > ROUNDING * max(energies[0], np.finfo(float).tiny)]
    return np.where(np.diag(gram)[:, None] > 0, columns, 0.0)


def _chunks(displacements: np.ndarray) -> Iterator[np.ndarray]:
    """Yield (T, 3 * CHUNK) float64 pieces that together cover all vertices."""
    for start in range(0, displacements.shape[1], CHUNK):
        part = displacements[:, start : start + CHUNK]
        yield part.reshape(len(part), 3 * part.shape[1]).astype(np.float64)


def _fewest(displacements: np.ndarray, directions: np.ndarray, limit: float) -> int:
    """Return the smallest number of components that keeps every vertex within `limit`.

    A sample of the vertices rejects numbers cheaply; those that pass are tried on all vertices.
    """
    stride = max(1, displacements.shape[1] // SAMPLE)
    sample = displacements[:, ::stride]
    for count in range(directions.shape[1]):
        columns = directions[:, :count]
        if _deviation(sample, columns) <= limit and _deviation(displacements, columns) <= limit:
            return count
    return directions.shape[1]


def _deviation(displacements: np.ndarray, columns: np.ndarray) -> float:
    """Return the greatest distance between a vertex and its position rebuilt from `columns` (T, K)."""
    greatest = 0.0
    for part in _chunks(displacements):
        part -= columns @ (columns.T @ part)
        greatest = max(greatest, _greatest_length(part))
    return greatest


def _greatest_length(part: np.ndarray) -> float:
    np.square(part, out=part)
    return float(np.sqrt((part[:, 0::3] + part[:, 1::3] + part[:, 2::3]).max(initial=0.0)))


def _build(displacements: np.ndarray, columns: np.ndarray, size: float) -> Compressed:
    """Return the keys for some components, with the error measured on the numbers that are stored."""
    mixing, weights = _positive(columns)
    keys = np.empty((weights.shape[1], *displacements.shape[1:]), np.float32)
    for index, part in enumerate(_chunks(displacements)):
        place = slice(index * CHUNK, (index + 1) * CHUNK)
        keys[:, place] = (mixing @ part).reshape(keys[:, place].shape)
    return Compressed(keys, weights, _stored_error(displacements, keys, weights) / float(size), columns.shape[1])


def _stored_error(displacements: np.ndarray, keys: np.ndarray, weights: np.ndarray) -> float:
    pairs = zip(_chunks(displacements), _chunks(keys), strict=True)
    return max((_greatest_length(part - weights @ key) for part, key in pairs), default=0.0)


def _positive(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the (K, T) matrix that turns displacements into keys, and the (T, K) weights from 0 to 1.

    The components in `columns` are scaled to weights within -1 and 1. If some are negative, a last key points against
    all
    components: raising it together with all of them changes nothing and lifts the lowest weight to 0.
    """
    if not columns.shape[1]:
        return np.zeros((0, len(columns))), np.zeros((len(columns), 0))
    columns = np.where(columns.max(axis=0) >= -columns.min(axis=0), columns, -columns)
    peaks = columns.max(axis=0)
    weights, mixing = columns / peaks, (columns * peaks).T
    lift = np.maximum(0.0, -weights.min(axis=1, keepdims=True))
    if not lift.any():
        return mixing, weights
    weights, mixing = np.hstack([weights + lift, lift]), np.vstack([mixing, -mixing.sum(axis=0)])
    return mixing * weights.max(axis=0)[:, None], weights / weights.max(axis=0)
