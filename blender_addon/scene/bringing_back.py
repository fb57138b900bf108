"""The poses of a modelled mesh from the motion of the shown one: the motion, brought back through modifiers.

The measurement from when the mesh was shown gives the first answer. If what is drawn is still the same, that answer is
tried on a stand-in, and the remaining error is brought back as well: subdivision, for one, smooths a motion too.
"""

from dataclasses import dataclass

import bpy
import numpy as np

from ..errors import MotionError
from ..motion.carrying import Carry, Way
from ..motion.result_file import Motion
from .options import WriteOptions
from .stand_in import Drawn, Probe, probe, size_of

SAME = 1e-3
"""Share of the size by which what is drawn may differ from what was shown to the model."""
ROUNDS, MOST_POINTS = 8, 5_000_000
"""Most trials of a pose; a single one if all poses together have more vertices than this."""
SOME = 6
"""Number of poses that are tried first."""
LEAST_STEP = 0.1
"""Least share of the remaining error that is brought back per trial: modifiers that act along normals overshoot."""
ENOUGH = 2e-3
"""Share of the mean motion: a smaller remainder is not worth another trial."""
AMISS = 0.05
"""Share of the mean motion by which what is drawn may miss it without a note to the artist."""


@dataclass(frozen=True, eq=False)
class Brought:
    """The motion of the modelled mesh.

    Args:
        moves: (T, V, 3) float32, from the basis.
        missed: how far what is drawn misses the model's motion, mean over vertices and poses, as a share of that
            motion's mean; None if unknown.
        changed: whether what is drawn is no longer what was shown, so that nothing could be tried.
    """

    moves: np.ndarray
    missed: float | None
    changed: bool


def bring_back(object: bpy.types.Object, motion: Motion, options: WriteOptions) -> Brought:
    """Return the moves of an object's vertices for a motion of the shown mesh.

    Args:
        options: must have a `carry`.
    Raises:
        MotionError: a vertex would be too far away for float32.
    """
    carry = options.carry
    assert carry is not None
    wanted = _Wanted(motion, carry, options)
    moves = np.stack([carry.back(wanted.shifts(pose)).astype(np.float32) for pose in range(len(motion.times))])
    with probe(object) as stand_in:
        changed = not _is_as_shown(stand_in, carry, np.unique(motion.faces))
        missed = None if changed else _try(stand_in, carry, wanted, moves)
    if not np.isfinite(moves).all():
        raise MotionError("The animation moves a vertex too far away.", "Run the job again.")
    return Brought(moves, missed, changed)


@dataclass(frozen=True, eq=False)
class _Wanted:
    """The motion that should be drawn."""

    motion: Motion
    carry: Carry
    options: WriteOptions

    def shifts(self, pose: int) -> np.ndarray:
        """Return the (N, 3) float64 shifts of the shown vertices."""
        keep, facing = self.options.keep_reference_pose, self.options.facing
        return self.carry.shifts(self.motion.vertices, facing, self.motion.reference_frame, keep, pose)


def _is_as_shown(stand_in: Probe, carry: Carry, used: np.ndarray) -> bool:
    drawn = stand_in.draw(stand_in.mixed).vertices @ carry.shape.T
    if drawn.shape != carry.shown.shape:
        return False
    return bool(np.abs(drawn - carry.shown)[used].max() < SAME * size_of(carry.shown[used]))


def _try(stand_in: Probe, carry: Carry, wanted: _Wanted, moves: np.ndarray) -> float | None:
    """Correct the moves (T, V, 3) in place and return how far they still miss.

    If a few poses spread over the motion need no correction, the others are not tried. Returns None if modifiers make
    other vertices in each pose, as Remesh does, because then no two poses can be compared.
    """
    start = stand_in.draw(stand_in.mixed)
    if start.marks is None:
        return None
    some = np.unique(np.linspace(0, len(moves) - 1, SOME).round().astype(int))
    others = np.setdiff1d(np.arange(len(moves)), some)
    rounds = 1 if len(moves) * len(carry.shown) > MOST_POINTS else ROUNDS
    tried: list[_Tried | None] = [
        _correct(stand_in, carry, start, wanted.shifts(pose), moves[pose], rounds) for pose in some
    ]
    if any(one is None or one.corrected for one in tried):
        tried += [_correct(stand_in, carry, start, wanted.shifts(pose), moves[pose], rounds) for pose in others]
    if None in tried:
        return None
    whole = sum(one.amount for one in tried if one)
    return sum(one.amiss for one in tried if one) / whole if whole else 0.0


@dataclass(frozen=True)
class _Tried:
    """A trial of one pose: how far it moves and misses (means over vertices), and whether it was corrected."""

    amount: float
    amiss: float
    corrected: bool


def _correct(
    stand_in: Probe, carry: Carry, start: Drawn, shifts: np.ndarray, move: np.ndarray, rounds: int
) -> _Tried | None:
    """Correct one pose's move (V, 3) in place while that helps; return None if other vertices are drawn."""
    amount, used = _mean(shifts), np.unique(start.triangles)
    best, before, more, step = shifts, np.inf, np.zeros_like(move), 1.0
    first = move.copy()
    for _ in range(rounds + 1):
        trial = (move + step * more).astype(np.float32)
        drawn = stand_in.draw(stand_in.mixed + trial)
        if not drawn.is_like(start):
            return None
        left = shifts - (drawn.vertices.astype(np.float64) - start.vertices) @ carry.shape.T
        if _mean(left) < before:
            move[:], best, before, more = trial, left, _mean(left), carry.back(left)
        else:
            step /= 2
        if step < LEAST_STEP or _mean(more) <= ENOUGH * amount:
            break
    return _Tried(_mean(shifts[used]), _mean(best[used]), not np.array_equal(first, move))


def _mean(shifts: np.ndarray) -> float:
    """Return the mean length of shifts (N, 3)."""
    return float(np.linalg.norm(shifts, axis=1).mean())


def note_of(name: str, carry: Carry, brought: Brought) -> str:
    """Return a sentence for the artist if what is drawn differs from the model's motion; otherwise an empty string."""
    if brought.changed and carry.way in (Way.FINER, Way.NEAREST):
        return f"{name} looks different from when its job began, so its motion only roughly follows the clip."
    if brought.missed is None or brought.missed <= AMISS:
        return ""
    how = f"{name} misses the motion by {100 * brought.missed:.0f}%"
    if carry.takes_means:
        return f"{how}: parts that modifiers copy ({', '.join(carry.through)}) moved differently and share their mean."
    return f"{how}, because its modifiers ({', '.join(carry.through)}) block it."
