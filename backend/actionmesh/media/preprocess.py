"""What the image encoder sees: the subject on white, squared over all frames, then DINOv2's preprocessing.

Both steps follow the published ones to the last bit where that is possible: the quantisation truncates, and the resize
is Pillow's antialiased bicubic on uint8.
"""

from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import CheckpointError, MediaError
from ..models.config import read_json
from .frame_file import Frames

MARGIN = 0.1
"""White around the subject on either side, as a share of the longer side of its box."""
WHITE = np.float32(1)
TO_UNIT = np.float32(1 / 255)
"""Multiplied, not divided by 255: the two differ in the last bit, and the truncation to uint8 shows it."""


@dataclass(frozen=True)
class SquareCrop:
    """The box around the subject in all frames, in frame pixels, and the square around that box.

    Args:
        top, left, height, width: of the box.
    """

    top: int
    left: int
    height: int
    width: int

    @property
    def side(self) -> int:
        """Of the square: the box's longer side and a margin on both its sides, rounded down."""
        longer = max(self.height, self.width)
        return longer + 2 * int(longer * MARGIN)

    @property
    def offset(self) -> tuple[int, int]:
        """(row, column) of the box in the square; an odd pixel goes below and to the right."""
        return (self.side - self.height) // 2, (self.side - self.width) // 2

    @property
    def corner(self) -> tuple[int, int]:
        """(row, column) of the square's first pixel in the frame; negative where the square reaches beyond it."""
        return self.top - self.offset[0], self.left - self.offset[1]


def square_crop(rgba: Frames) -> SquareCrop:
    """The crop that `square_frames` makes: the union over the frames of the boxes of all pixels with any alpha.

    rgba (T, H, W, 4) uint8.

    Raises:
        MediaError: no frame has any alpha.
    """
    covered: np.ndarray = reduce(np.logical_or, (frame[..., 3] > 0 for frame in rgba))
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    if not len(rows):
        raise MediaError("The clip is transparent everywhere.", "Choose frames that show the subject.")
    return SquareCrop(int(rows[0]), int(columns[0]), int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1)


def square_frames(rgba: np.ndarray, crop: SquareCrop | None = None) -> np.ndarray:
    """Frames composited on white, cropped to the union of their alpha boxes, padded to a square with a margin of white.

    rgba (T, H, W, 4) uint8, straight alpha -> (T, s, s, 3) uint8. `square_crop` tells where the square lies;
    `crop` is that of the longer clip that these frames are from.

    Raises:
        MediaError: no frame has any alpha.
    """
    crop = crop or square_crop(rgba)
    rows = slice(crop.top, crop.top + crop.height)
    columns = slice(crop.left, crop.left + crop.width)
    row, column = crop.offset
    squares = np.full((len(rgba), crop.side, crop.side, 3), 255, np.uint8)
    for square, frame in zip(squares, rgba[:, rows, columns], strict=True):
        square[row : row + crop.height, column : column + crop.width] = _on_white(frame)
    return squares


def _on_white(rgba: np.ndarray) -> np.ndarray:
    """(H, W, 4) uint8 -> (H, W, 3) uint8; float32 and truncation as the published preprocessing has them."""
    unit = rgba.astype(np.float32) * TO_UNIT
    colour, alpha = unit[..., :3], unit[..., 3:]
    return ((colour * alpha + (WHITE - alpha)) * np.float32(255)).clip(0, 255).astype(np.uint8)


@dataclass(frozen=True)
class ImagePreprocessing:
    """An image encoder's preprocessing; the defaults are DINOv2's.

    Args:
        shortest_edge: the picture is resized to this many pixels.
        crop_size: (height, width) of the centre that is kept.
        image_mean, image_std: of the colours in [0, 1], per channel.
        rescale_factor: takes uint8 to [0, 1].
        resample: Pillow's number of the filter (3 is bicubic).
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
        if not 1 <= min(self.crop_size) <= max(self.crop_size) <= self.shortest_edge:
            raise ValueError(f"a crop of {self.crop_size} does not fit a picture of {self.shortest_edge} pixels")
        if len(self.image_mean) != 3 or len(self.image_std) != 3 or not min(self.image_std) > 0:
            raise ValueError(f"mean {self.image_mean} and deviation {self.image_std} are not three numbers each")
        Image.Resampling(self.resample)

    @classmethod
    def from_dict(cls, values: dict[str, Any], source: str = "preprocessor_config.json") -> "ImagePreprocessing":
        """From the layout of transformers' `preprocessor_config.json` (BitImageProcessor); missing keys are DINOv2's.

        Raises:
            CheckpointError: the file asks for something else than resize, centre crop, rescale and normalise.
        """
        steps = ("do_resize", "do_center_crop", "do_rescale", "do_normalize")
        skipped = [step for step in steps if not values.get(step, True)]
        if skipped:
            raise CheckpointError(f"{source} switches off {', '.join(skipped)}.", "Use DINOv2's own file.")
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
                f"{source} describes no image preprocessing: {error}.", "Download it again."
            ) from error

    @classmethod
    def load(cls, path: Path) -> "ImagePreprocessing":
        """Reads `preprocessor_config.json`; raises CheckpointError when it is missing or not understood."""
        return cls.from_dict(read_json(path), str(path))

    def to_dict(self) -> dict[str, Any]:
        """The layout that `from_dict` reads, complete enough for transformers."""
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


def pixel_values(squares: np.ndarray, preprocessing: ImagePreprocessing | None = None) -> np.ndarray:
    """Square pictures (T, s, s, 3) uint8 -> normalised (T, 3, crop height, crop width) float32; None is DINOv2's."""
    assert squares.ndim == 4 and squares.shape[1] == squares.shape[2] and squares.dtype == np.uint8, squares.shape
    settings = preprocessing or ImagePreprocessing()
    scale = np.float32(settings.rescale_factor)
    mean, deviation = np.array(settings.image_mean, np.float32), np.array(settings.image_std, np.float32)
    crops = np.stack([_resized_centre(square, settings) for square in squares])
    return np.ascontiguousarray(((crops * scale - mean) / deviation).transpose(0, 3, 1, 2))


def _resized_centre(square: np.ndarray, settings: ImagePreprocessing) -> np.ndarray:
    edge, (height, width) = settings.shortest_edge, settings.crop_size
    resized = np.asarray(Image.fromarray(square).resize((edge, edge), Image.Resampling(settings.resample)))
    top, left = (edge - height) // 2, (edge - width) // 2
    return resized[top : top + height, left : left + width]


def _shortest_edge(size: int | dict[str, int]) -> int:
    return size["shortest_edge"] if isinstance(size, dict) else size


def _height_width(size: int | dict[str, int]) -> tuple[int, int]:
    return (size["height"], size["width"]) if isinstance(size, dict) else (size, size)
