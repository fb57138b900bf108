"""Removal of the subject's background: by the file's own alpha, a network, or the colour of a plain background.

The subject is kept twice: in the shrunk frames, for previews, and in crops at the source's own resolution, for the
image encoder. Cropping the shrunk frames would leave the encoder a fraction of the source's pixels.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import cv2
import numpy as np

from ..errors import MediaError
from ..frame_numbers import number_of
from ..progress import Progress
from ..protocol import Stage
from .clip import Clip, resize_rgba
from .colour_key import find_key
from .frame_file import FrameFile, Frames
from .subject_crops import SubjectCrops

SMALLEST_SUBJECT = 0.001
"""A subject that covers less than this share of a frame is a speck."""
SMALLEST_PART = 200
"""A part of a remover's mask with fewer source pixels is noise; the value is the published one."""
NAMED_FRAMES = 8

BackgroundRemover = Callable[[np.ndarray], np.ndarray]
"""(H, W, 3) uint8 -> (H, W) float32 in [0, 1], high where the subject is."""


def cut_out(clip: Clip, remover: BackgroundRemover | None = None, progress: Progress | None = None) -> Clip:
    """Return the clip with the subject as its alpha, and with the subject's crops.

    The file's own alpha takes precedence, then `remover`, then the colour of a plain background.

    Raises:
        MediaError: none of the three is available, or some frame shows no subject.
        Cancelled: the user asked to stop.
    """
    progress = progress or Progress()
    if clip.has_alpha:
        _require_subject(clip)
        return _cut(clip, lambda frame: frame, progress, Stage.CUTTING_OUT)
    if remover is not None:
        return _require_subject(_cut(clip, partial(_removed, remover), progress, Stage.REMOVING_BACKGROUND))
    key = find_key(clip.frames, progress.check)
    if key is None:
        raise MediaError(
            f"The subject of {clip.name} cannot be separated from its background.",
            "Use frames with an alpha channel, a mask or a plain background, or put the weights of briaai/RMBG-1.4 "
            "into the folder that ACTIONMESH_CHECKPOINTS names.",
        )
    return _require_subject(_cut(clip, key.cut, progress, Stage.CUTTING_OUT))


def _cut(clip: Clip, cut: Callable[[np.ndarray], np.ndarray], progress: Progress, stage: Stage) -> Clip:
    """Cut the subject out of each frame at the source's resolution; `cut` takes and returns (H, W, 4) uint8."""
    pictures = iter(clip.frames if clip.native is None else clip.native)
    height, width = clip.frames.shape[1:3]
    frames: Frames = clip.frames if clip.has_alpha else FrameFile(height, width)
    crops: SubjectCrops | None = None
    for _ in progress.track(range(len(clip.frames)), stage):
        subject = cut(next(pictures))
        crops = crops or SubjectCrops(*subject.shape[:2])
        crops.append(subject)
        if isinstance(frames, FrameFile) and not clip.has_alpha:
            frames.append(resize_rgba(subject, width, height))
    return replace(clip, frames=frames, has_alpha=True, crops=crops)


def empty_frames(frames: Frames) -> np.ndarray:
    """Return the positions along T of frames (T, H, W, 4) uint8 that show no subject, or only a speck."""
    return np.flatnonzero([(frame[..., 3] >= 128).mean() < SMALLEST_SUBJECT for frame in frames])


def _require_subject(clip: Clip) -> Clip:
    """Return the clip; raise MediaError if any frame shows no subject."""
    empty = clip.indices[empty_frames(clip.frames)]
    if not len(empty):
        return clip
    named = ", ".join(str(number_of(index)) for index in empty[:NAMED_FRAMES]) + (
        " and others" if len(empty) > NAMED_FRAMES else ""
    )
    frames = "frame" if len(empty) == 1 else "frames"
    raise MediaError(f"{clip.name} shows no subject in {frames} {named}.", "Choose frames that all show it.")


def _removed(remover: BackgroundRemover, frame: np.ndarray) -> np.ndarray:
    """Return a frame (H, W, 4) uint8 with the remover's subject as its alpha, which is 0 or 255."""
    likely = np.rint(255 * remover(np.ascontiguousarray(frame[..., :3])).clip(0, 1)).astype(np.uint8)
    return np.dstack([frame[..., :3], np.where(binary_mask(likely), 255, 0).astype(np.uint8)])


def binary_mask(likely: np.ndarray) -> np.ndarray:
    """Return (H, W) bool, true where a map (H, W) uint8 exceeds Otsu's threshold, without parts under 200 pixels.

    Threshold: Otsu 1979.
    """
    threshold, _ = cv2.threshold(likely, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    _, labels, statistics, _ = cv2.connectedComponentsWithStats((likely > threshold).astype(np.uint8), connectivity=8)
    kept = statistics[:, cv2.CC_STAT_AREA] >= SMALLEST_PART
    kept[0] = False
    return kept[labels]
