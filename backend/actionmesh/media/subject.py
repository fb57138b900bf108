"""Cutting out a subject whose place is known: by the file's own alpha, a network, a plain background, or masks.

The subject is kept twice: in the shrunk frames, for previews, and in crops at the source's own resolution, for the
image encoder. Cropping the shrunk frames would leave the encoder a fraction of the source's pixels.

Frames that do not show the subject get the picture of the nearest frame that does. `Clip.absent` names them.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import cv2
import numpy as np

from ..errors import MediaError
from ..frame_numbers import number_of
from ..progress import Progress
from ..protocol import Stage
from .clip import Clip, resize_rgba
from .colour_key import ColourKey
from .frame_file import FrameFile, Frames
from .subject_crops import SubjectCrops, box_of

SMALLEST_SUBJECT = 0.001
"""A subject that covers less than this share of a frame is a speck."""
SMALLEST_PART = 200
"""A part of a remover's mask with fewer source pixels is noise; the value is the published one."""
NAMED_FRAMES = 8
MOST_ABSENT = 0.5
"""The largest share of frames without the subject that neighbours can stand in for."""
CUT_OFF = 0.1
"""The share of its box's shorter side along the frame's edge from which a subject counts as cut off there."""

BackgroundRemover = Callable[[np.ndarray], np.ndarray]
"""(H, W, 3) uint8 -> (H, W) float32 in [0, 1], high where the subject is."""


def cut_by_alpha(clip: Clip, progress: Progress) -> Clip:
    """Return a clip that has alpha, with its subject's crops; raise MediaError if too few frames show a subject."""
    return _completed(_cut(clip, lambda frame: frame, progress, Stage.CUTTING_OUT))


def cut_by_network(clip: Clip, remover: BackgroundRemover, progress: Progress) -> Clip:
    """Return the clip with what `remover` finds as its alpha; raise MediaError if too few frames show a subject."""
    return _completed(_cut(clip, partial(_removed, remover), progress, Stage.REMOVING_BACKGROUND))


def cut_by_colour(clip: Clip, key: ColourKey, progress: Progress) -> Clip:
    """Return the clip without its plain background; raise MediaError if too few frames show a subject."""
    return _completed(_cut(clip, key.cut, progress, Stage.CUTTING_OUT))


def cut_by_masks(clip: Clip, masks: Iterator[Callable[[np.ndarray], np.ndarray]], progress: Progress) -> Clip:
    """Return the clip with masks as its alpha; raise MediaError if too few frames show a subject.

    Args:
        masks: T functions from a frame (H, W, 3) uint8 to its alpha (H, W) uint8.
    """

    def masked(frame: np.ndarray) -> np.ndarray:
        return np.dstack([frame[..., :3], next(masks)(frame[..., :3])])

    return _completed(_cut(clip, masked, progress, Stage.CUTTING_OUT))


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


def _completed(clip: Clip) -> Clip:
    """Return the clip with neighbours in place of frames without the subject, and notes on what is missing.

    Raises:
        MediaError: most frames show no subject, or all but one.
    """
    empty = empty_frames(clip.frames)
    total = len(clip.frames)
    if len(empty) > MOST_ABSENT * total or (len(empty) and total - len(empty) < 2):
        frames = "frame" if len(empty) == 1 else "frames"
        raise MediaError(
            f"{clip.name} shows no subject in {frames} {_named(clip, empty)}.", "Choose frames that show it."
        )
    whole = _with_neighbours(clip, empty) if len(empty) else clip
    return replace(whole, notes=(*clip.notes, *_notes(whole)), absent=tuple(empty.tolist()))


def _with_neighbours(clip: Clip, empty: np.ndarray) -> Clip:
    """Return the clip with the nearest frames that show the subject in place of the empty ones."""
    assert clip.crops is not None
    present = np.setdiff1d(np.arange(len(clip.frames)), empty)
    stands_in = [int(present[np.abs(present - number).argmin()]) for number in range(len(clip.frames))]
    frames = FrameFile(*clip.frames.shape[1:3])
    for number in stands_in:
        frames.append(clip.frames[number])
    return replace(clip, frames=frames, crops=clip.crops.in_order(stands_in), absent=tuple(empty.tolist()))


def _notes(clip: Clip) -> list[str]:
    notes = []
    if clip.absent:
        one = len(clip.absent) == 1
        frames, rest = ("Frame", "pose is") if one else ("Frames", "poses are")
        named, around = _named(clip, np.array(clip.absent)), "it" if one else "them"
        verb = "does" if one else "do"
        notes.append(f"{frames} {named} {verb} not show the subject; the {rest} taken from the frames around {around}.")
    cut_off = [number for number, frame in enumerate(clip.frames) if number not in clip.absent and _is_cut_off(frame)]
    if cut_off:
        frames = "frame" if len(cut_off) == 1 else "frames"
        notes.append(
            f"The subject reaches beyond the picture's edge in {frames} {_named(clip, np.array(cut_off))}; what lies "
            "outside is guessed."
        )
    return notes


def _is_cut_off(frame: np.ndarray) -> bool:
    """Return whether the subject of a frame (H, W, 4) uint8 runs along one of its edges."""
    covered = frame[..., 3] >= 128
    box = box_of(covered)
    if box is None:
        return False
    along = max(edge.sum() for edge in (covered[0], covered[-1], covered[:, 0], covered[:, -1]))
    return bool(along > CUT_OFF * min(box.height, box.width))


def _named(clip: Clip, positions: np.ndarray) -> str:
    """Return the numbers of frames in the clip, for a sentence."""
    numbers = clip.indices[positions]
    return ", ".join(str(number_of(index)) for index in numbers[:NAMED_FRAMES]) + (
        " and others" if len(numbers) > NAMED_FRAMES else ""
    )


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
