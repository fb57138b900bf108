"""The settings of an image encoder's preprocessing, as its `preprocessor_config.json` gives them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import CheckpointError
from ..protocol.limits import is_whole, shown
from .config import read_json

LARGEST_PICTURE, LARGEST_NUMBER = 4096, 1e6
"""Limits of the settings: pixels of a side, and any other number."""


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


def _shortest_edge(size: int | dict[str, int]) -> int:
    return size["shortest_edge"] if isinstance(size, dict) else size


def _height_width(size: int | dict[str, int]) -> tuple[int, int]:
    return (size["height"], size["width"]) if isinstance(size, dict) else (size, size)
