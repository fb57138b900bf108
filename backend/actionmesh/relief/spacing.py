"""How far apart the points of a relief are: closer where a part is thin and near the outline, within a number of triangles."""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import map_coordinates

from .contours import Contours

RADII = 1.5 ** np.arange(0, 16)
"""Working pixels of the discs that tell how thick a part is."""
SLACK = 1.0
"""Working pixels by which a disc may stand out of the mask: pixels are no smooth outline."""
ACROSS = 0.7
"""Times half a part's thickness: the greatest spacing in it, if there are triangles enough."""
STRETCH = 0.15
"""Times what a part's own spacing would be: the least that it gets, however thin it is."""
SMALLEST = 1.0
RISE = 0.3
"""How much spacing grows a pixel, at the most."""
RIM, MIDDLE = 0.65, 1.15
"""Times the spacing of a part: at the outline, and at the middle of the part."""
FACE_AREA = np.sqrt(3) / 4
"""Of a triangle with sides of 1."""


@dataclass(frozen=True)
class Spacing:
    """Spacing (h, w) float32 in working pixels at each working pixel; `distance` (h, w), of each inside from the outline."""

    field: np.ndarray
    distance: np.ndarray

    def at(self, points: np.ndarray) -> np.ndarray:
        """Return the spacing (N,) at points (N, 2)."""
        return sampled_at(self.field, points)


def spacing_for(contours: Contours, triangles: int) -> Spacing:
    """Return the spacing at which about so many triangles fill the inside."""
    inside = contours.raster(1).astype(np.uint8)
    distance = distances(inside)
    thickness = half_thickness(distance)
    graded: np.ndarray = np.sqrt(thickness / thickness.max()) * (RIM + (MIDDLE - RIM) * np.minimum(1, distance / thickness))
    most, covered = ACROSS * thickness, inside.astype(bool)
    low, high = SMALLEST, 2.0 * max(inside.shape)
    for _ in range(24):
        scale = np.sqrt(low * high)
        sides = _sides(scale, graded[covered], most[covered])
        low, high = (low, scale) if (1 / (FACE_AREA * sides**2)).sum() < triangles else (scale, high)
    field = _sides(high, graded, most)
    return Spacing(_rising_slowly(np.where(covered, field, field[covered].max())).astype(np.float32), distance)


def _sides(scale: float, graded: np.ndarray, most: np.ndarray) -> np.ndarray:
    wanted = scale * graded
    return np.maximum(np.minimum(wanted, np.maximum(most, STRETCH * scale)), SMALLEST)


def distances(mask: np.ndarray) -> np.ndarray:
    """Return how far (h, w) float32 each pixel of a mask (h, w) uint8 is from the nearest outside it.

    OpenCV's last digits depend on where the mask lies in memory; squared distances are whole numbers.
    """
    about = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.sqrt(np.rint(about**2))


def half_thickness(distance: np.ndarray, radii: np.ndarray = RADII) -> np.ndarray:
    """Return the radius (h, w) float32, one of `radii`, of the largest disc inside that covers a pixel.

    Hildebrand and Rueegsegger 1997.

    Args:
        distance: (h, w) float32, of the pixels inside from the outline; 0 outside.
    """
    thickness = np.full(distance.shape, radii[0], np.float32)
    for radius in radii[1:]:
        centres = distance >= radius
        if not centres.any():
            break
        away = distances((~centres).astype(np.uint8))
        thickness[away <= radius + SLACK] = radius
    return thickness


def _rising_slowly(field: np.ndarray) -> np.ndarray:
    """The largest field below `field` (h, w) that rises by at most RISE a pixel, along rows, columns and diagonals."""
    field = field.astype(np.float32)
    cross, corners = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)), np.ones((3, 3), np.uint8)
    while True:
        beside, diagonal = cv2.erode(field, cross) + RISE, cv2.erode(field, corners) + RISE * np.sqrt(2)
        lower = np.minimum(beside, diagonal).astype(np.float32)
        if (lower >= field - 1e-4).all():
            return field
        field = np.minimum(field, lower)


def sampled_at(field: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return bilinear samples (N,) of a field (h, w) float32 at points (N, 2), columns and rows."""
    return map_coordinates(field, points.T[::-1] - 0.5, order=1, mode="nearest")
