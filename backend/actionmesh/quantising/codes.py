"""The numbers of a morph target as few bits: which type, which scale, and what that changes.

Normalised whole numbers stand for values from -1 to 1, so that longer moves need a scale. A scale is a power of two,
by which the mesh itself is divided without any rounding.
"""

import math
from typing import NamedTuple

import numpy as np

FLOAT, SHORT, BYTE = np.dtype("<f4"), np.dtype("<i2"), np.dtype("i1")
USUAL_TURN, MOST_TURN, FAR = 1.0, 2.0, 90.0
"""Degrees. 99 of 100 normals turn by at most the first, those that the target turns by less than FAR by the second."""
NO_LENGTH = 1e-6
REACHES = (0.0, 0.125, 0.25, 0.5, 0.75, 1.0)
"""Exponents of the lengths that are tried for normals which turn far."""
ROUNDING = math.sqrt(3) / 2
"""The longest error of a vector whose three numbers are rounded to whole ones."""


class Coding(NamedTuple):
    """How a mesh's positions are stored: the type of their numbers, and what a 1 stands for."""

    kind: np.dtype
    scale: float = 1.0


def coding_for(longest: float, most: float, may_scale: bool) -> Coding:
    """Return the smallest coding of moves, of which no number exceeds `longest`, that errs by at most `most`.

    Of two of one size, it is the one without a scale: it changes no node.
    """
    fitting = 2.0 ** math.ceil(math.log2(longest)) if longest > 0 else 1.0
    for kind in (BYTE, SHORT):
        for scale in (1.0, fitting) if may_scale else (1.0,):
            if longest <= scale and ROUNDING * scale / np.iinfo(kind).max <= most:
                return Coding(kind, scale)
    return Coding(FLOAT)


def coded(values: np.ndarray, coding: Coding) -> np.ndarray:
    """Return values (n, 3) as numbers of the coding's type, rounded to the nearest."""
    scaled = values / coding.scale
    if coding.kind == FLOAT:
        return scaled.astype(FLOAT)
    return np.round(scaled * np.iinfo(coding.kind).max).astype(coding.kind)


def decoded(numbers: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """Return what numbers stand for, as float64."""
    if numbers.dtype.kind == "f":
        return numbers.astype(np.float64) * scale
    return np.maximum(numbers / np.iinfo(numbers.dtype).max, -1.0) * scale


def coded_moves(moves: np.ndarray, coding: Coding, most: float) -> np.ndarray:
    """Return the moves (n, 3) of one target; those of at most `most` become 0."""
    length = np.linalg.norm(moves, axis=1, keepdims=True)
    return coded(np.where(length > most, moves, 0.0), coding)


def coded_turns(normals: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Return what a target adds to unit normals (n, 3), as the smallest type that keeps their directions.

    Only the direction of the sum counts. A normal that turns far would need a number beyond 1: its sum is shorter, and
    beyond FAR, where a mix of the two normals means little, it may be coarse.
    """
    aims = _unit(normals + turns)
    near = _angles(normals, aims) < FAR
    for kind in (BYTE, SHORT):
        numbers = _turns_as(normals, turns, aims, kind)
        gaps = _angles(normals + decoded(numbers), aims)
        if np.percentile(gaps, 99) <= USUAL_TURN and gaps[near].max(initial=0) <= MOST_TURN:
            return numbers
    return turns.astype(FLOAT)


def _turns_as(normals: np.ndarray, turns: np.ndarray, aims: np.ndarray, kind: np.dtype) -> np.ndarray:
    numbers = coded(turns.clip(-1, 1), Coding(kind))
    far = np.abs(turns).max(axis=1) > 1
    start, aim = normals[far], aims[far]
    reach, nearest = _reach(start, aim), np.full(len(start), np.inf)
    best = numbers[far]
    for exponent in REACHES:
        tried = coded((reach**exponent * aim - start).clip(-1, 1), Coding(kind))
        gaps = _angles(start + decoded(tried), aim)
        best[gaps < nearest] = tried[gaps < nearest]
        nearest = np.minimum(nearest, gaps)
    numbers[far] = best
    return numbers


def _reach(normals: np.ndarray, aims: np.ndarray) -> np.ndarray:
    """Return the longest part (n, 1), at most 1, of each aim that differs from its normal by no number beyond 1."""
    room = 1 + np.sign(aims) * normals
    return np.minimum((room / np.maximum(np.abs(aims), 1e-12)).min(axis=1, keepdims=True), 1.0)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)


def _angles(sums: np.ndarray, aims: np.ndarray) -> np.ndarray:
    """Return the angles (n,) in degrees between sums and unit aims (n, 3): 0 for no aim, 180 for no sum."""
    aimed, summed = (np.linalg.norm(vectors, axis=1) > NO_LENGTH for vectors in (aims, sums))
    apart = np.linalg.norm(np.cross(_unit(sums), aims), axis=1)
    angles = np.degrees(np.arctan2(apart, (_unit(sums) * aims).sum(axis=1)))
    return np.where(aimed, np.where(summed, angles, 180.0), 0.0)
