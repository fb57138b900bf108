"""When a motion moves, and how much, so that a sequence can leave out the still frames before and after it."""

from dataclasses import dataclass

import numpy as np

STILL = 1e-3
"""Model units, for a subject 1.5 long: less than this is not motion."""
LENGTH = 1.5


@dataclass(frozen=True, eq=False)
class Course:
    """How far a motion is from where it begins and where it ends, at N frames.

    Args:
        frames: (N,) increasing.
        from_first, from_last: (N,) model units, of the vertex that is furthest away.
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
        """The frames at which the motion begins and comes to rest; all frames if nothing moves."""
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
    """Return the course of points (N, P, 3) at frames (N,), in any unit: the first frame's longest side is LENGTH."""
    scale = LENGTH / (float(np.ptp(poses[0], axis=0).max()) or 1.0)
    from_first, from_last = (np.linalg.norm(poses - poses[end], axis=-1) * scale for end in (0, -1))
    return Course(frames, from_first.max(axis=1), from_last.max(axis=1), from_first.mean(axis=1))
