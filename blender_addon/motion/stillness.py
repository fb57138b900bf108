"""When a motion moves, and how much: what the frames before it and after it show is left out of a sequence."""

from dataclasses import dataclass

import numpy as np

STILL = 1e-3
"""Model units, of a subject 1.5 long: less than this is no motion."""
LENGTH = 1.5


@dataclass(frozen=True, eq=False)
class Course:
    """How far a motion is from where it begins and where it ends, at N frames.

    Args:
        frames: (N,) growing.
        from_first, from_last: (N,) model units, of the vertex that is furthest off.
        mean: (N,) model units from the first frame, mean over vertices.
    """

    frames: np.ndarray
    from_first: np.ndarray
    from_last: np.ndarray
    mean: np.ndarray

    @property
    def moves(self) -> bool:
        return bool(self.from_first.max() >= STILL)

    @property
    def moving_part(self) -> tuple[float, float]:
        """The frames from which on it moves, and at which it has come to rest; all of it where nothing moves."""
        if not self.moves:
            return float(self.frames[0]), float(self.frames[-1])
        first = max(int(np.flatnonzero(self.from_first >= STILL)[0]) - 1, 0)
        moving = np.flatnonzero(self.from_last >= STILL)
        last = min(int(moving[-1]) + 1 if len(moving) else len(self.frames), len(self.frames) - 1)
        return float(self.frames[first]), float(self.frames[last])

    @property
    def amount(self) -> float:
        """Model units, mean over vertices and over the frames of the moving part: the error of a still mesh."""
        first, last = self.moving_part
        return float(self.mean[(self.frames >= first) & (self.frames <= last)].mean())


def course_of(frames: np.ndarray, poses: np.ndarray) -> Course:
    """The course of points (N, P, 3) at frames (N,), in any unit: the first frame's longest side counts as LENGTH."""
    scale = LENGTH / (float(np.ptp(poses[0], axis=0).max()) or 1.0)
    from_first, from_last = (np.linalg.norm(poses - poses[end], axis=-1) * scale for end in (0, -1))
    return Course(frames, from_first.max(axis=1), from_last.max(axis=1), from_first.mean(axis=1))
