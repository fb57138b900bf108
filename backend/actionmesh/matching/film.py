"""The clip as match sees it: cropped to the subject, at a small common size, on black or white."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from scipy.ndimage import map_coordinates

from ..media.mask_distance import mask_distance
from ..media.subject_crops import Box, SubjectCrops

LONGER_SIDE = 160
"""Film pixels along the longer side of the box around the subject in all frames."""
MARGIN = 20
"""Film pixels around that box."""
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Film:
    """Frames of a clip around its subject, and where they lie in the clip's own frames.

    Args:
        pictures: (T, h, w, 3) uint8, the subject on a background that contrasts with it.
        masks: (T, h, w) bool, where the subject is.
        corner: (column, row) at which the film begins in the clip's frame, in the frame's pixels; may be negative.
        factor: film pixels per pixel of the frame.
        frame_size: (height, width) of the clip's frames.
        background: brightness of the background, 0 or 255.
        sharpness: resolution relative to a film of the usual size, which has 1.
    """

    pictures: np.ndarray
    masks: np.ndarray
    corner: tuple[float, float]
    factor: float
    frame_size: tuple[int, int]
    background: int
    sharpness: float = 1.0

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in film pixels."""
        return self.masks.shape[1], self.masks.shape[2]

    @property
    def principal(self) -> tuple[float, float]:
        """The centre (column, row) of the clip's frame, in film pixels."""
        height, width = self.frame_size
        return (width / 2 - self.corner[0]) * self.factor, (height / 2 - self.corner[1]) * self.factor

    def only(self, frame: int) -> "Film":
        """Return one frame as a film of its own."""
        one = slice(frame, frame + 1)
        return replace(self, pictures=self.pictures[one], masks=self.masks[one])

    def outline(self, frame: int) -> "Outline":
        """Return the outline of the subject in a frame."""
        return Outline(self.masks[frame])

    def shrunk(self, frame: int, sharpness: float) -> "Film":
        """Return one frame as a film of another sharpness."""
        ratio = sharpness / self.sharpness
        height, width = (max(1, round(side * ratio)) for side in self.size)
        picture = cv2.resize(self.pictures[frame], (width, height), interpolation=cv2.INTER_AREA)
        mask = solid(cv2.resize(self.masks[frame].astype(np.float32), (width, height), interpolation=cv2.INTER_AREA))
        return Film(
            picture[None], mask[None], self.corner, self.factor * ratio, self.frame_size, self.background, sharpness
        )


class Outline:
    """The edge of a mask (h, w) bool: its signed distance, and its contour with the directions outwards."""

    def __init__(self, mask: np.ndarray):
        self.mask = mask

    @cached_property
    def distance(self) -> np.ndarray:
        """(h, w) float32, distance from the outline in pixels, positive outside."""
        inside, outside = mask_distance(self.mask), mask_distance(~self.mask)
        return np.where(self.mask, 0.5 - inside, outside - 0.5).astype(np.float32)

    @cached_property
    def slope(self) -> np.ndarray:
        """(h, w, 2) float32, the derivative of the smoothed distance by column and row."""
        smooth = cv2.GaussianBlur(self.distance, (0, 0), 1.0)
        return np.dstack(
            [cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=1 / 8)]
        )

    @cached_property
    def contour(self) -> np.ndarray:
        """(C, 2) int, columns and rows of the mask's pixels that touch the background."""
        rows, columns = np.nonzero(contour_of(self.mask))
        return np.stack([columns, rows], axis=1)


def contour_of(mask: np.ndarray) -> np.ndarray:
    """Return (h, w) bool, the pixels of a mask that have a neighbour outside it or beyond the picture."""
    eroded = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    contour: np.ndarray = mask & (eroded == 0)
    return contour


def make_film(crops: SubjectCrops, check: Callable[[], None] = lambda: None) -> Film:
    """Return the film of a clip's cut-out subject.

    Args:
        check: called before each frame; may raise.
    """
    assert crops.box is not None
    return film_of(crops, crops.box, crops.frame_size, 1.0, check)


def make_still(crops: SubjectCrops, frame: int, sharpness: float) -> Film:
    """Return one frame as a film of another sharpness."""
    assert crops.box is not None
    return film_of([crops[frame]], crops.box, crops.frame_size, sharpness)


def film_of(
    crops: Iterable[np.ndarray],
    box: Box,
    frame_size: tuple[int, int],
    sharpness: float,
    check: Callable[[], None] = lambda: None,
) -> Film:
    """Return the film of crops (h, w, 4) uint8 that share one box."""
    factor = sharpness * LONGER_SIDE / max(box.height, box.width)
    size, margin = (max(1, round(box.height * factor)), max(1, round(box.width * factor))), round(MARGIN * sharpness)
    rgba = []
    for crop in crops:
        check()
        rgba.append(_resized(crop, size))
    background = _contrasting(rgba)
    margins = ((margin, margin), (margin, margin), (0, 0))
    pictures, masks = [], []
    for frame in rgba:
        padded = np.pad(frame, margins)
        alpha = padded[..., 3:]
        pictures.append(np.rint(padded[..., :3] + (1 - alpha) * background).clip(0, 255).astype(np.uint8))
        masks.append(solid(alpha[..., 0]))
    corner = (box.left - margin / factor, box.top - margin / factor)
    return Film(np.stack(pictures), np.stack(masks), corner, factor, frame_size, int(background), sharpness)


def solid(coverage: np.ndarray) -> np.ndarray:
    """Return the mask (h, w) of the pixels that are at least half covered, or if none is, of those covered most."""
    mask: np.ndarray = (coverage > 0) & (coverage >= min(0.5, coverage.max()))
    return mask


def _resized(crop: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (h, w, 4) uint8 to `size` in float16: colours 0 to 255 times alpha, alpha 0 to 1."""
    alpha = crop[..., 3:].astype(np.float32) / 255
    premultiplied = np.dstack([crop[..., :3] * alpha, alpha])
    shrinks = size[0] < crop.shape[0]
    resized = cv2.resize(premultiplied, size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return resized.astype(np.float16)


def _contrasting(frames: Sequence[np.ndarray]) -> float:
    """Return black or white, the one further from the subject's brightness."""
    weight = sum(float(frame[..., 3].sum(dtype=np.float32)) for frame in frames)
    brightness = sum(float((frame[..., :3].astype(np.float32) @ LUMINANCE).sum()) for frame in frames)
    return 0.0 if brightness > 127.5 * weight else 255.0


def samples(field: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return bilinear samples (N, C) float32 of a field (h, w, C) at places (N, 2).

    Places are columns and rows, counted from pixels' corners. Beyond the edge the nearest pixel's value is used.
    `cv2.remap` is not used because on some processors it rounds places to 1/32 of a pixel, where derivatives are lost.
    """
    rows_and_columns = np.asarray(places, np.float64).T[::-1] - 0.5
    sampled = np.empty((len(places), field.shape[2]), np.float32)
    for channel in range(field.shape[2]):
        map_coordinates(field[..., channel], rows_and_columns, sampled[:, channel], order=1, mode="nearest")
    return sampled
