"""One frame of a clip as a job would see it, and facts about the clip that need no other frame."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..frame_numbers import index_of_frame
from ..progress import Progress
from ..protocol import FrameChoice
from .clip import Clip
from .reader import choose_frames, open_sources, read_frames

NEARBY = 3
"""Frames on either side that show what moves."""


@dataclass(frozen=True)
class Glimpse:
    """A frame and facts about its clip.

    Args:
        clip: the clip with only this frame.
        clip_frames: the number of frames in the source.
        chosen: the number of chosen frames.
        frame: this frame's number in the source, counted from 0.
        fps: average frames a second.
        width, height: the size of the source's frames in pixels.
        nearby: reads the chosen frames around this one, and returns them with its position among them.
    """

    clip: Clip
    clip_frames: int
    chosen: int
    frame: int
    fps: float
    width: int
    height: int
    nearby: Callable[[], tuple[Clip, int]]

    @property
    def picture(self) -> np.ndarray:
        """The frame, (H, W, 4) uint8 with straight alpha."""
        return self.clip.frames[0]


def read_glimpse(
    source: str,
    choice: FrameChoice,
    anchor: int,
    mask: str | None,
    fps: float | None,
    max_side: int,
    progress: Progress | None = None,
) -> Glimpse:
    """Read frame number `anchor` of the chosen frames (negative: from the end), shrunk to `max_side` pixels.

    Raises:
        MediaError: see `reader.read_clip`.
        InputError: fewer frames than `anchor` requires were chosen.
        Cancelled: the user asked to stop.
    """
    progress = progress or Progress()
    opened, masks = open_sources(source, mask, progress.check)
    indices = choose_frames(choice, opened)
    position = index_of_frame(anchor, len(indices), "reference")
    one = indices[position : position + 1]
    whole, _ = next(opened.read(one.tolist()))

    def nearby() -> tuple[Clip, int]:
        first = max(0, position - NEARBY)
        around, checking = indices[first : position + NEARBY + 1], Progress().also_checking(progress.check)
        return read_frames(opened, masks, around, fps, max_side, checking), position - first

    return Glimpse(
        clip=read_frames(opened, masks, one, fps, max_side, Progress().also_checking(progress.check)),
        clip_frames=opened.count(),
        chosen=len(indices),
        frame=int(one[0]),
        fps=fps if fps is not None else opened.rate(),
        width=whole.shape[1],
        height=whole.shape[0],
        nearby=nearby,
    )
