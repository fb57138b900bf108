"""The outline of a mask: closed polygons of its parts and their holes, smooth to a fraction of a pixel.

Specks and pinholes are left out. The steps of a mask of whole pixels are smoothed away, but no point moves further
than half a pixel, so that thin things and tips stay.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d
from skimage.measure import find_contours

from ..errors import MediaError
from ..media.subject_crops import Box, box_of

WORKING_SIDE = 512
"""Pixels along the mask's longer side at which its outline is found; larger masks are shrunk, which smooths them."""
SMOOTHING = 2.0
"""Working pixels along the outline over which it is averaged."""
MOST_MOVED = 0.5
"""Most working pixels by which averaging moves a point; in thin parts, times area over length (half a line's
thickness)."""
STEP = 0.5
"""Working pixels between the points of an outline."""
PINHOLE = 0.001
"""Holes smaller than this share of the whole mask are filled, because they would only be tunnels of many faces."""
FINER = 4
"""Raster points per working pixel, along either axis, that tell inside from outside."""
BORDER = 2


@dataclass(frozen=True)
class Contours:
    """Outlines in working pixels: (column, row), with the picture's upper left corner at (0, 0).

    Args:
        polygons: each (n, 2) float64, closed, without the first point repeated. Seen in the picture, polygons
            around a part turn clockwise and polygons around a hole counterclockwise.
        size: (height, width) of the working picture, which has an empty border.
        origin: (column, row) of the crop at its upper left corner.
        ratio: (along columns, along rows) crop pixels per working pixel.
    """

    polygons: tuple[np.ndarray, ...]
    size: tuple[int, int]
    origin: tuple[float, float]
    ratio: tuple[float, float]

    def to_crop(self, points: np.ndarray) -> np.ndarray:
        """Return points (..., 2) in pixels of the crop."""
        return points * self.ratio + self.origin

    def raster(self, finer: int = FINER) -> np.ndarray:
        """Return (h finer, w finer) bool, which points of a fine grid are inside."""
        picture = np.zeros((self.size[0] * finer, self.size[1] * finer), np.uint8)
        fixed = [np.rint((polygon * finer - 0.5) * 256).astype(np.int32) for polygon in self.polygons]
        cv2.fillPoly(picture, fixed, 1, lineType=cv2.LINE_8, shift=8)
        return picture.astype(bool)


def contours_of(alpha: np.ndarray, smallest_part: float) -> Contours:
    """Return the outlines of a mask.

    Args:
        alpha: (h, w) uint8, inside from 128.
        smallest_part: parts smaller than this share of the largest are left out.
    Raises:
        MediaError: the mask is empty.
    """
    box = box_of(alpha >= 128)
    if box is None:
        raise MediaError("The reference frame shows no subject.", "Choose another reference frame.")
    shrink = min(1.0, WORKING_SIDE / max(box.height, box.width))
    margin = int(np.ceil(BORDER / shrink))
    around = Box(box.top, box.left, box.height + 2 * margin, box.width + 2 * margin)
    own = np.pad(alpha, margin)[around.slices()]
    size = max(1, round(own.shape[1] * shrink)), max(1, round(own.shape[0] * shrink))
    working = cv2.resize(own, size, interpolation=cv2.INTER_AREA)
    ratio = own.shape[1] / size[0], own.shape[0] / size[1]
    origin = float(box.left - margin), float(box.top - margin)
    found = find_contours(_cleaned(working, smallest_part).astype(np.float64), 127.5, fully_connected="low")
    # scikit-image has low values at the left of its (row, column) polygons
    polygons = tuple(_smoothed(polygon[:-1, ::-1] + 0.5) for polygon in found)
    return Contours(polygons, working.shape, origin, ratio)


def _cleaned(alpha: np.ndarray, smallest_part: float) -> np.ndarray:
    """Return the mask without its specks and pinholes. Pixels that only touch at a corner are not connected."""
    _, part, statistics, _ = cv2.connectedComponentsWithStats((alpha >= 128).astype(np.uint8), connectivity=4)
    sizes = statistics[:, cv2.CC_STAT_AREA].copy()
    sizes[0] = 0
    if not sizes.any():  # thinner than a working pixel everywhere: its most opaque pixels are the best choice
        return _cleaned(np.where(alpha >= alpha.max(), 255, 0).astype(np.uint8), smallest_part)
    specks = (sizes < smallest_part * sizes.max())[part] & (part > 0)
    alpha = np.where(specks, 0, alpha)
    _, hole, statistics, _ = cv2.connectedComponentsWithStats((alpha < 128).astype(np.uint8), connectivity=8)
    pinholes = statistics[:, cv2.CC_STAT_AREA] < PINHOLE * sizes.sum()
    pinholes[[0, hole[0, 0]]] = False
    return np.where(pinholes[hole], 255, alpha).astype(np.uint8)


def _smoothed(polygon: np.ndarray) -> np.ndarray:
    """Return a closed polygon (n, 2) with even steps and without the steps of the pixels."""
    even = resampled(polygon, np.full(len(polygon), STEP), least=8)
    length = np.linalg.norm(np.roll(even, -1, axis=0) - even, axis=1).sum()
    moved = gaussian_filter1d(even, SMOOTHING * len(even) / length, axis=0, mode="wrap") - even
    most = MOST_MOVED * min(1, abs(signed_area(even)) / length)
    far = np.linalg.norm(moved, axis=1, keepdims=True)
    return even + moved * np.minimum(1, most / np.maximum(far, 1e-12))


def signed_area(polygon: np.ndarray) -> float:
    """Return the area of a closed polygon (n, 2), above 0 where it turns from columns to rows."""
    x, y = polygon.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def resampled(polygon: np.ndarray, spacing: np.ndarray, least: int) -> np.ndarray:
    """Return points (m, 2) along a closed polygon (n, 2), `spacing` (n,) apart, at least `least` of them."""
    closed = np.concatenate([polygon, polygon[:1]])
    lengths = np.linalg.norm(np.diff(closed, axis=0), axis=1)
    wanted = np.concatenate([[0], np.cumsum(lengths * 2 / (spacing + np.roll(spacing, -1)))])
    count = max(least, round(wanted[-1]))
    at = np.arange(count) / count * wanted[-1]
    return np.stack([np.interp(at, wanted, closed[:, axis]) for axis in (0, 1)], axis=1)
