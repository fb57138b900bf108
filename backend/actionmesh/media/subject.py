"""The subject without its background: from the file's own alpha, a plain background, or a network."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..errors import MediaError
from ..progress import Progress
from .clip import Clip
from .colour_key import drop_specks, key_out
from .frame_file import FrameFile, Frames

SMALLEST_SUBJECT = 0.001
"""Less than this share of a frame is a speck, and no subject."""
NAMED_FRAMES = 8

BackgroundRemover = Callable[[np.ndarray], np.ndarray]
"""(H, W, 3) uint8 -> (H, W) float32 alpha in [0, 1]."""


def cut_out(clip: Clip, remover: BackgroundRemover | None = None, progress: Progress | None = None) -> Clip:
    """The clip with an alpha that is the subject.

    The file's own alpha comes first, then a plain background by its colour, then `remover`, which is also asked when
    the colour finds no subject in some frame.

    Raises:
        MediaError: there is none of the three, or some frame shows no subject.
        Cancelled: the user asked to stop.
    """
    progress = progress or Progress()
    if clip.has_alpha:
        return _with_subject(clip)
    keyed = key_out(clip.frames, progress)
    if keyed is not None and (remover is None or not len(empty_frames(keyed))):
        return _with_subject(replace(clip, frames=keyed, has_alpha=True))
    if remover is None:
        raise MediaError(
            f"{clip.name} does not tell its subject from its background.",
            "Give frames with an alpha channel, a mask, a plain background, or put the weights of briaai/RMBG-1.4 into the "
            "folder that ACTIONMESH_CHECKPOINTS names.",
        )
    return _with_subject(replace(clip, frames=_removed(clip.frames, remover, progress), has_alpha=True))


def empty_frames(frames: Frames) -> np.ndarray:
    """Which of the frames (T, H, W, 4) uint8 show no subject, or only a speck of one: positions along T."""
    return np.flatnonzero([(frame[..., 3] >= 128).mean() < SMALLEST_SUBJECT for frame in frames])


def _with_subject(clip: Clip) -> Clip:
    empty = clip.indices[empty_frames(clip.frames)]
    if not len(empty):
        return clip
    named = ", ".join(map(str, empty[:NAMED_FRAMES])) + (" and others" if len(empty) > NAMED_FRAMES else "")
    frames = "frame" if len(empty) == 1 else "frames"
    raise MediaError(f"{clip.name} shows no subject in {frames} {named}.", "Choose frames that all show it.")


def _removed(frames: Frames, remover: BackgroundRemover, progress: Progress) -> Frames:
    cut = FrameFile(*frames.shape[1:3])
    for step in progress.track(range(len(frames)), "Removing the background"):
        frame = frames[step].copy()
        alpha = remover(np.ascontiguousarray(frame[..., :3])).clip(0, 1)
        visible = np.rint(255 * alpha).astype(np.uint8)
        frame[..., 3] = np.where(drop_specks(visible >= 8), visible, 0)
        cut.append(frame)
    return cut
