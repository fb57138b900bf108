"""Preprocessing for the image encoder: the subject on white in one near-square for all frames, then DINOv2's steps.

Both steps match the published ones bit for bit where possible: the quantisation truncates, and the resize is Pillow's
antialiased bicubic on uint8.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from PIL import Image

from ..errors import MediaError
from ..models.image_preprocessing import ImagePreprocessing
from .frame_file import Frames
from .subject_crops import Box, box_of

MARGIN = 0.1
"""White margin on either side of the subject, as a share of the longer side of its box."""
STRIP = 256
"""Rows that are composited at a time: a whole 4K frame in float32 would take half a gigabyte."""
WHITE = np.float32(1)
TO_UNIT = np.float32(1 / 255)
"""A factor instead of a division by 255: the two differ in the last bit, which the truncation to uint8 exposes."""


@dataclass(frozen=True)
class PaddedBox:
    """The box around the subject in all frames, and the near-square around it that the encoder sees.

    As in the published code, both sides of an axis get the same padding. If the box's sides differ by an odd number,
    the result is therefore one pixel short of a square.
    """

    box: Box

    @property
    def padding(self) -> tuple[int, int]:
        """(rows, columns) of white on either side of the box."""
        longer = max(self.box.height, self.box.width)
        margin = int(MARGIN * longer)
        return margin + (longer - self.box.height) // 2, margin + (longer - self.box.width) // 2

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) with the padding."""
        rows, columns = self.padding
        return self.box.height + 2 * rows, self.box.width + 2 * columns

    @property
    def corner(self) -> tuple[int, int]:
        """(row, column) of the first pixel in the frame; negative where the padding reaches beyond it."""
        return self.box.top - self.padding[0], self.box.left - self.padding[1]


def subject_box(rgba: Frames) -> Box:
    """Return the box around all pixels with any alpha in any frame.

    Args:
        rgba: (T, H, W, 4) uint8.
    Raises:
        MediaError: no frame has any alpha.
    """
    box = box_of(reduce(np.logical_or, (frame[..., 3] > 0 for frame in rgba)))
    if box is None:
        raise MediaError("The clip is transparent everywhere.", "Choose frames that show the subject.")
    return box


def padded_frames(rgba: Frames, box: Box | None = None) -> np.ndarray:
    """Return frames composited on white, cropped to the union of their alpha boxes, and padded: (T, h, w, 3) uint8.

    Args:
        rgba: (T, H, W, 4) uint8, straight alpha.
        box: the box of the longer clip that these frames are from; None uses these frames' own.
    Raises:
        MediaError: no frame has any alpha.
    """
    box = box or subject_box(rgba)
    return np.stack([padded_crop(frame[box.slices()]) for frame in rgba])


def padded_crop(crop: np.ndarray) -> np.ndarray:
    """Return a crop (h, w, 4) uint8, straight alpha, on white and with its padding: (h', w', 3) uint8."""
    padded_box = PaddedBox(Box(0, 0, *crop.shape[:2]))
    padded = np.full((*padded_box.shape, 3), 255, np.uint8)
    (row, column), (height, width) = padded_box.padding, crop.shape[:2]
    for start in range(0, height, STRIP):
        strip = crop[start : start + STRIP]
        padded[row + start : row + start + len(strip), column : column + width] = _on_white(strip)
    return padded


def _on_white(rgba: np.ndarray) -> np.ndarray:
    """Composite (H, W, 4) uint8 to (H, W, 3) uint8, in float32 and truncated as the published preprocessing does."""
    unit = rgba.astype(np.float32) * TO_UNIT
    colour, alpha = unit[..., :3], unit[..., 3:]
    return ((colour * alpha + (WHITE - alpha)) * np.float32(255)).clip(0, 255).astype(np.uint8)


def pixel_values(pictures: Sequence[np.ndarray], preprocessing: ImagePreprocessing | None = None) -> np.ndarray:
    """Return normalised pictures (T, 3, crop height, crop width) float32.

    Args:
        pictures: T pictures (h, w, 3) uint8, all of one size.
        preprocessing: the encoder's; None means DINOv2's.
    """
    settings = preprocessing or ImagePreprocessing()
    scale = np.float32(settings.rescale_factor)
    mean, deviation = np.array(settings.image_mean, np.float32), np.array(settings.image_std, np.float32)
    crops = np.stack([_resized_centre(picture, settings) for picture in pictures])
    return np.ascontiguousarray(((crops * scale - mean) / deviation).transpose(0, 3, 1, 2))


def _resized_centre(picture: np.ndarray, settings: ImagePreprocessing) -> np.ndarray:
    """Resize to the shorter edge, with the longer one rounded down as in transformers, and crop the centre."""
    (rows, columns), edge, (height, width) = picture.shape[:2], settings.shortest_edge, settings.crop_size
    shorter = min(rows, columns)
    size = (edge * columns // shorter, edge * rows // shorter)
    resized = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling(settings.resample)))
    top, left = (size[1] - height) // 2, (size[0] - width) // 2
    return resized[top : top + height, left : left + width]
