"""Make sequences look different each time they are drawn: other proportions and other colours.

The body is stretched along the axes of its camera (right, up, back). The camera shows that as a stretch of its picture
across and up, even in perspective: if depths and the distance of the eye grow alike, every point stays on its ray.
Seen from above or obliquely, the body is sheared a little. Signed distances are not varied: they would need the whole
surface.
"""

import zlib
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ..media.subject_crops import Box
from ..protocol.limits import is_whole, shown
from ..track_file import Track

MOST = 1000
LIMITS = {"stretch": (1, 2), "hue": (0, 180), "saturation": (1, 4), "brightness": (1, 4)}
"""Smallest and largest strength of each kind."""


@dataclass(frozen=True)
class Variation:
    """How much the sequences of a source vary. A factor is between 1 / strength and strength, log-uniform.

    Args:
        variants: number of variants of a sequence; the first is the sequence as it is.
        stretch: largest factor along each axis of the camera.
        hue: largest rotation of the hue, in degrees.
        saturation, brightness: largest factors of the colours.
    Raises:
        ValueError: a number is out of range.
    """

    variants: int = 1
    stretch: float = 1.35
    hue: float = 180.0
    saturation: float = 1.5
    brightness: float = 1.25

    def __post_init__(self) -> None:
        if not is_whole(self.variants, 1, MOST):
            raise ValueError(f"variants of {shown(repr(self.variants))}, not a whole number from 1 to {MOST}")
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise ValueError(f"{name} of {shown(repr(value))}, not a number from {low} to {high}")


AS_THEY_ARE = Variation()


@dataclass(frozen=True)
class Variant:
    """One variant of a sequence, in its file's space.

    Args:
        axes: (3, 3) right, up and back of the camera.
        factors: (3) of the stretch along these axes.
        colours: (3, 3) matrix of the change of RGB.
        size: height and width in pixels of the stretched crop; a pixel shows as much of the camera's plane as before.
    """

    axes: Tensor
    factors: Tensor
    colours: np.ndarray
    size: tuple[int, int]

    def of_points(self, points: Tensor) -> Tensor:
        """Stretch points (..., 3)."""
        return (points @ self.axes.T * self.factors) @ self.axes

    def of_normals(self, normals: Tensor) -> Tensor:
        """Turn normals (..., 3) with the stretched surface; they become unit vectors."""
        return F.normalize((normals @ self.axes.T / self.factors) @ self.axes, dim=-1)

    def of_oriented(self, points: Tensor) -> Tensor:
        """Stretch points with their normals (..., 6)."""
        return torch.cat([self.of_points(points[..., :3]), self.of_normals(points[..., 3:])], dim=-1)

    def of_crops(self, crops: np.ndarray) -> np.ndarray:
        """Colour and stretch the crops (T, h, w, 4) uint8, straight alpha, of all that a clip ever covers."""
        change = np.eye(4)
        change[:3, :3] = self.colours
        coloured = cv2.transform(crops.reshape(-1, *crops.shape[2:]), change).reshape(crops.shape)
        stretched = (Image.fromarray(crop).resize(self.size[::-1], Image.Resampling.BICUBIC) for crop in coloured)
        return np.stack([np.asarray(crop) for crop in stretched])


def variants_of(track: Track, camera: int, variation: Variation) -> list[Variant | None]:
    """Return all variants of a sequence seen by a camera (-1 for none); None is the sequence as it is."""
    return [None, *(_variant_of(track, camera, number, variation) for number in range(1, variation.variants))]


def _variant_of(track: Track, camera: int, number: int, variation: Variation) -> Variant:
    """Return a variant that depends only on the file's name, the camera, the number and the strengths.

    The crop's longer side keeps its number of pixels. The factors are those that the crop's whole pixels allow.
    """
    rng = np.random.default_rng((zlib.crc32(track.path.name.encode()), camera + 1, number))
    across, up, back = variation.stretch ** rng.uniform(-1, 1, 3)
    hue = np.radians(variation.hue) * rng.uniform(-1, 1)
    saturation, brightness = np.array([variation.saturation, variation.brightness]) ** rng.uniform(-1, 1, 2)
    colours = colour_change(hue, saturation, brightness)
    if camera < 0:
        return Variant(torch.eye(3), torch.tensor([across, up, back], dtype=torch.float32), colours, (0, 0))
    box = Box(*track.cameras["crops"][camera].tolist())
    scale = max(box.height, box.width) / max(box.height * up, box.width * across)
    size = max(1, round(box.height * up * scale)), max(1, round(box.width * across * scale))
    factors = torch.tensor([size[1] / box.width, size[0] / box.height, back * scale], dtype=torch.float32)
    return Variant(track.cameras["axes"][camera], factors, colours, size)


def colour_change(hue: float, saturation: float, brightness: float) -> np.ndarray:
    """Return the matrix (3, 3) that turns RGB around the greys by `hue` radians and scales colourfulness and all."""
    grey = np.full((3, 3), 1 / 3)
    across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    turned = np.cos(hue) * (np.eye(3) - grey) + np.sin(hue) * across
    return brightness * (grey + saturation * turned)
