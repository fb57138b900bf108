"""One frame of a clip as a job would see it, and what there is to know about the clip without reading the rest."""

from dataclasses import dataclass, replace

import numpy as np

from ..options import FrameChoice, index_of_frame
from ..progress import Progress
from . import subject
from .clip import Clip
from .reader import choose_frames, open_sources, read_frames


@dataclass(frozen=True)
class Glimpse:
    """A frame and its clip.

    Args:
        clip: with the one frame.
        clip_frames: how many frames the source has.
        chosen: how many of them were chosen.
        frame: where this one stands in the source, counted from 0.
        fps: frames a second, on average.
        width, height: of the source's frames, in pixels.
    """

    clip: Clip
    clip_frames: int
    chosen: int
    frame: int
    fps: float
    width: int
    height: int

    @property
    def picture(self) -> np.ndarray:
        """(H, W, 4) uint8, straight alpha."""
        return self.clip.frames[0]

    def cut_out(self, remover: subject.BackgroundRemover | None, progress: Progress) -> "Glimpse":
        """With an alpha that is the subject; see `subject.cut_out`."""
        return replace(self, clip=subject.cut_out(self.clip, remover, progress))


def read_glimpse(
    source: str,
    choice: FrameChoice,
    anchor: int,
    mask: str | None,
    fps: float | None,
    max_side: int,
    progress: Progress | None = None,
) -> Glimpse:
    """Reads the frame that is number `anchor` of those chosen (negative: from the end), shrunk to `max_side` pixels.

    Raises:
        MediaError: see `reader.read_clip`.
        InputError: there is no such frame among those chosen.
        Cancelled: the user asked to stop.
    """
    progress = progress or Progress()
    opened, masks = open_sources(source, mask, progress.check)
    indices = choose_frames(choice, opened)
    position = index_of_frame(anchor, len(indices), "reference")
    one = indices[position : position + 1]
    whole, _ = next(opened.read(one.tolist()))
    return Glimpse(
        clip=read_frames(opened, masks, one, fps, max_side, Progress().also_checking(progress.check)),
        clip_frames=opened.count(),
        chosen=len(indices),
        frame=int(one[0]),
        fps=fps if fps is not None else opened.rate(),
        width=whole.shape[1],
        height=whole.shape[0],
    )
