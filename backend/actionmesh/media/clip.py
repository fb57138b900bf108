"""The frames of a clip that a job uses, and resizing of pictures to their size."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from .frame_file import Frames
from .subject_crops import SubjectCrops

DOUBTFUL = 0.2
"""Share of the outline that is uncertain from which the user is warned."""


@dataclass(frozen=True)
class Clip:
    """The chosen frames of a clip.

    Args:
        frames: (T, H, W, 4) uint8 RGBA, straight (not premultiplied) alpha, upright, square pixels; see `frame_file`.
        times: (T,) float64, seconds from the first chosen frame.
        indices: (T,) int64, the frames' numbers in the source, counted from 0.
        has_alpha: whether the alpha separates a subject from its background.
        name: the source's name, for messages.
        native: an iterable of the same frames at the source's own resolution, before any background was removed; None
            if `frames` have that resolution.
        crops: the cut-out subject at that resolution; None before it is cut out.
        absent: positions of frames that do not show the subject; they have the picture of a neighbour.
        notes: sentences for the user.
        doubt: the share of the subject's outline that is uncertain; None if nothing tells.
    """

    frames: Frames
    times: np.ndarray
    indices: np.ndarray
    has_alpha: bool
    name: str
    native: Iterable[np.ndarray] | None = None
    crops: SubjectCrops | None = None
    absent: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    doubt: float | None = None

    def __post_init__(self) -> None:
        assert len(self.frames.shape) == 4 and self.frames.shape[-1] == 4
        assert self.times.shape == self.indices.shape == (len(self.frames),)
        assert (np.diff(self.times) > 0).all(), f"times of {self.name} do not rise"

    @property
    def doubtful(self) -> bool:
        """Whether the user should look at the subject's outline."""
        return self.doubt is not None and self.doubt >= DOUBTFUL

    def own_size(self) -> tuple[int, int]:
        """Return the height and width of the source's own frames."""
        height, width = next(iter(self.frames if self.native is None else self.native)).shape[:2]
        return height, width

    def only(self, position: int) -> "Clip":
        """Return a clip of one of the frames, without crops."""
        one = slice(position, position + 1)
        return replace(
            self, frames=self.frames[one], times=self.times[one], indices=self.indices[one], crops=None, native=None
        )


def resize_rgba(rgba: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize (H, W, 4) uint8 with straight alpha; colours of transparent pixels do not bleed into others."""
    if rgba.shape[:2] == (height, width):
        return rgba
    shrinks = height * width < rgba.shape[0] * rgba.shape[1]
    filter_ = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    if rgba[..., 3].min() == 255:
        return cv2.resize(rgba, (width, height), interpolation=filter_)
    colours = rgba.astype(np.float32)
    colours[..., :3] *= colours[..., 3:] / np.float32(255)
    resized = cv2.resize(colours, (width, height), interpolation=filter_)
    resized[..., :3] = resized[..., :3] * np.float32(255) / np.maximum(resized[..., 3:], np.float32(1e-3))
    return np.rint(resized).clip(0, 255).astype(np.uint8)


def fitted_size(width: int, height: int, max_side: int) -> tuple[int, int]:
    """Return (width, height) shrunk to at most `max_side` a side, with the same aspect ratio; never enlarged."""
    scale = min(1.0, max_side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
