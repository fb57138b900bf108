"""How clearly each place of a frame moves by itself, judged from the frames around it."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from .motion import Motion, difference, motion_between

FrameAt = Callable[[int], np.ndarray]
"""Position in the clip -> (H, W, 3) uint8."""
STEPS = (1, 2, 4, 8)
"""Frames between the two of which motion is measured, until it is clear."""
CLEAR = 2.5
"""Pixels by which something must move for motion to be clear."""
FAR = 6
"""Frames after which the background behind a moving subject has usually come into sight."""
TEXTURE = 9
"""Pixels along the side of the square in which texture is measured."""
STILL_ODDS = -2.0
MOST_ODDS = 4.0


@dataclass(frozen=True)
class OwnMotion:
    """The motion in a frame.

    Args:
        odds: (H, W) float32, the logarithm of the odds that a place moves by itself.
        clear: how clearly anything moves, from 0 to 1.
    """

    odds: np.ndarray
    clear: float


def own_motion(frame_at: FrameAt, number: int, count: int) -> OwnMotion:
    """Return what moves by itself in frame `number` of `count`."""
    frame = frame_at(number)
    odds, most = np.full(frame.shape[:2], STILL_ODDS, np.float32), 0.0
    for apart in (step for step in STEPS if step <= max(1, count // 3)):
        others = [frame_at(other) for other in (number - apart, number + apart) if 0 <= other < count]
        if not others:
            break
        odds, most = _compared(frame, others)
        if most > CLEAR:
            break
    odds = odds + _unveiled(frame, [frame_at(o) for o in (number - FAR, number + FAR) if 0 <= o < count])
    smooth = cv2.GaussianBlur(odds.astype(np.float32), (0, 0), 1).clip(-MOST_ODDS, MOST_ODDS)
    return OwnMotion(smooth, min(1.0, most / CLEAR))


def _compared(frame: np.ndarray, others: list[np.ndarray]) -> tuple[np.ndarray, float]:
    """Return the odds from flow to the frames before and after, and how many pixels the fastest places move.

    What one of the two explains as background is background: the subject may hide it in the other.
    """
    found: list[Motion] = [motion_between(frame, other) for other in others]
    lengths = np.min([motion.own for motion in found], axis=0)
    better = np.min([motion.evidence(frame, other) for motion, other in zip(found, others, strict=True)], axis=0)
    scale = max(0.5, 2 * float(np.median(lengths)))
    moves = 1 - np.exp(-0.5 * (lengths / scale) ** 2)
    return 5 * (moves - 0.45) + better.clip(-2, 2), float(np.quantile(lengths, 0.95))


def _unveiled(frame: np.ndarray, others: list[np.ndarray]) -> np.ndarray | float:
    """Return odds from frames further away: a texture that is still there belongs to the background."""
    if not others:
        return 0.0
    changed = np.min([difference(frame, other, motion_between(frame, other).background) for other in others], axis=0)
    grain = cv2.GaussianBlur(frame, (0, 0), 0.7).astype(np.float32)
    square = (TEXTURE, TEXTURE)
    spread = cv2.boxFilter(grain**2, -1, square) - cv2.boxFilter(grain, -1, square) ** 2
    texture = np.sqrt(spread.clip(0)).sum(axis=-1)
    textured = (texture / max(1.0, float(np.median(texture)))).clip(0, 2) / 2
    return np.where(changed > 2, (changed - 2).clip(0, 1.5), -1.5 * textured * (2 - changed).clip(0, 1))
