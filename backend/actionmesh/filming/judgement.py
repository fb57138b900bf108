"""Whether a clip is worth animating: its subject stands apart from the background, stays in the picture and moves.

The pipeline takes minutes on a clip; this check takes a second. Its thresholds are estimates that no clip of a video
model has confirmed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from ..errors import MediaError
from ..media.clip import Clip, fitted_size
from ..progress import Progress
from ..segmentation.choice import Means, cut_out

MOST_JUDGED = 17
"""Frames that are looked at."""
SIDE = 256
"""Pixels along the longer side at which they are looked at."""
LEAST_CHANGE = 0.04
"""Change from the first frame below which a subject stands still: of its outline's area, or of its colours (0 to 1)."""
MOST_TOUCHING = 0.25
"""Share of the frames whose subject may touch the picture's edge."""


@dataclass(frozen=True)
class Verdict:
    """What a clip is good for; `separates` must be true for the pipeline to read it."""

    separates: bool
    stays: bool = False
    moves: bool = False

    @property
    def good(self) -> bool:
        return self.separates and self.stays and self.moves

    @property
    def faults(self) -> str:
        """What is wrong with it, in words that follow "its subject"."""
        if not self.separates:
            return "does not stand apart from the background in every frame"
        found = [] if self.stays else ["leaves the picture"]
        return " and ".join(found if self.moves else [*found, "hardly moves"])

    @property
    def rank(self) -> tuple[bool, bool, bool]:
        """Greater is better."""
        return self.separates, self.stays, self.moves


def judge(frames: np.ndarray, means: Means, check: Callable[[], None]) -> Verdict:
    """Judge a clip, (T, H, W, 3) uint8.

    Args:
        means: what will find its subject.
        check: called for each frame; an exception that it raises stops the work.
    """
    pictures = [small(frames[index]) for index in _spread(len(frames))]
    count, quiet = len(pictures), Progress().also_checking(check)
    clip = Clip(np.stack(pictures), np.arange(count, dtype=np.float64), np.arange(count), False, "the clip")
    try:
        cut = cut_out(clip, means, quiet)
    except MediaError:
        return Verdict(separates=False)
    if cut.doubtful:
        return Verdict(separates=False)
    subject = np.stack([np.asarray(frame) for frame in cut.frames])
    masks = subject[..., 3] >= 128
    touching = np.mean([_touches_edge(mask) for mask in masks])
    stays = touching <= MOST_TOUCHING and not cut.absent
    return Verdict(True, bool(stays), moves=bool(change(subject[..., :3], masks) >= LEAST_CHANGE))


def change(colours: np.ndarray, masks: np.ndarray) -> float:
    """Return the largest change from the first frame, 0 to 1: of the mask (1 - IoU), or of the colours inside.

    Args:
        colours: (T, H, W, 3) uint8.
        masks: (T, H, W) bool, none empty.
    """
    changes = [0.0]
    first = colours[0].astype(np.float32)
    for picture, mask in zip(colours[1:], masks[1:], strict=True):
        both, either = mask & masks[0], mask | masks[0]
        inside = float(np.abs(picture[both] - first[both]).mean()) / 255 if both.any() else 1.0
        changes.append(max(1 - both.sum() / either.sum(), inside))
    return max(changes)


def small(frame: np.ndarray) -> np.ndarray:
    """Return a frame (H, W, 3) uint8 as it is judged, (h, w, 4) uint8 and opaque."""
    width, height = fitted_size(frame.shape[1], frame.shape[0], SIDE)
    shrunk = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
    return np.dstack([shrunk, np.full((height, width), 255, np.uint8)])


def _spread(count: int) -> list[int]:
    return sorted({round(index) for index in np.linspace(0, count - 1, min(count, MOST_JUDGED))})


def _touches_edge(mask: np.ndarray) -> bool:
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())
