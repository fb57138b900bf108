"""Preprocessing for the image encoder: the subject on white in one near-square for all frames, then DINOv2's steps.

Both steps match the published ones bit for bit where possible: the quantisation truncates, and the resize is Pillow's
antialiased bicubic on uint8.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import CheckpointError, MediaError
from ..models.config import read_json
from ..protocol.limits import is_whole, shown
from .frame_file import Frames
from .subject_crops import Box, box_of

LARGEST_PICTURE, LARGEST_NUMBER = 4096, 1e6
"""Limits for an encoder's preprocessing: pixels of a side, and any other number."""
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


@dataclass(frozen=True)
class ImagePreprocessing:
    """An image encoder's preprocessing; the defaults are DINOv2's.

    Args:
        shortest_edge: pixels of the shorter edge after resizing.
        crop_size: (height, width) of the centre that is kept.
        image_mean, image_std: mean and deviation of the colours in [0, 1], per channel.
        rescale_factor: the factor from uint8 to [0, 1].
        resample: Pillow's number for the filter (3 is bicubic).
    Raises:
        ValueError: the crop is larger than the picture, or a number is out of range.
    """

    shortest_edge: int = 256
    crop_size: tuple[int, int] = (224, 224)
    image_mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    image_std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    rescale_factor: float = 1 / 255
    resample: int = 3

    def __post_init__(self) -> None:
        sizes = (self.shortest_edge, *self.crop_size)
        if not all(is_whole(size, 1, LARGEST_PICTURE) for size in sizes) or not is_whole(self.resample, 0, 5):
            raise ValueError(f"sizes {shown(sizes)} and resample {shown(self.resample)} are out of range")
        if not 1 <= min(self.crop_size) <= max(self.crop_size) <= self.shortest_edge:
            raise ValueError(f"a crop of {self.crop_size} does not fit a picture of {self.shortest_edge} pixels")
        if len(self.image_mean) != 3 or len(self.image_std) != 3 or not min(self.image_std) > 0:
            raise ValueError(f"mean {self.image_mean} and deviation {self.image_std} are not three numbers each")
        numbers = (*self.image_mean, *self.image_std, self.rescale_factor)
        if not all(isinstance(number, int | float) and abs(number) < LARGEST_NUMBER for number in numbers):
            raise ValueError("a mean, a deviation or the scale is not a number")

    @classmethod
    def from_dict(cls, values: dict[str, Any], source: str = "preprocessor_config.json") -> "ImagePreprocessing":
        """Parse the layout of transformers' `preprocessor_config.json` (BitImageProcessor); the defaults are DINOv2's.

        Raises:
            CheckpointError: the file requests other steps than resize, centre crop, rescale and normalise.
        """
        steps = ("do_resize", "do_center_crop", "do_rescale", "do_normalize")
        skipped = [step for step in steps if not values.get(step, True)]
        if skipped:
            raise CheckpointError(f"{source} switches off {', '.join(skipped)}.", "Use DINOv2's original file.")
        fields: dict[str, Any] = {
            name: tuple(values[name]) if isinstance(values[name], list) else values[name]
            for name in ("image_mean", "image_std", "rescale_factor", "resample")
            if values.get(name) is not None
        }
        try:
            if "size" in values:
                fields["shortest_edge"] = _shortest_edge(values["size"])
            if "crop_size" in values:
                fields["crop_size"] = _height_width(values["crop_size"])
            return cls(**fields)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"{source} is not a valid image preprocessing: {error}.", "Download it again."
            ) from error

    @classmethod
    def load(cls, path: Path) -> "ImagePreprocessing":
        """Load `preprocessor_config.json`; raise CheckpointError if it is missing or not valid."""
        return cls.from_dict(read_json(path), str(path))

    def to_dict(self) -> dict[str, Any]:
        """Return the layout that `from_dict` reads, complete enough for transformers."""
        height, width = self.crop_size
        return {
            "image_processor_type": "BitImageProcessor",
            **dict.fromkeys(("do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb"), True),
            "size": {"shortest_edge": self.shortest_edge},
            "crop_size": {"height": height, "width": width},
            "image_mean": list(self.image_mean),
            "image_std": list(self.image_std),
            "rescale_factor": self.rescale_factor,
            "resample": self.resample,
        }


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


def _shortest_edge(size: int | dict[str, int]) -> int:
    return size["shortest_edge"] if isinstance(size, dict) else size


def _height_width(size: int | dict[str, int]) -> tuple[int, int]:
    return (size["height"], size["width"]) if isinstance(size, dict) else (size, size)
