"""How far apart the points of a relief are.

They are closer near the outline and where a part is thin, within a number of triangles.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import map_coordinates

from ..media.mask_distance import mask_distance
from .contours import Contours

RADII = 1.5 ** np.arange(0, 16)
"""Radii, in working pixels, of the discs that measure how thick a part is."""
SLACK = 1.0
"""Working pixels by which a disc may extend beyond the mask, because pixels have no smooth outline."""
ACROSS = 0.7
"""Greatest spacing in a part, as a share of half its thickness, if there are enough triangles."""
STRETCH = 0.15
"""Least spacing of a part, however thin, as a share of the global spacing."""
SMALLEST = 1.0
RISE = 0.3
"""Most by which spacing grows per pixel."""
RIM, MIDDLE = 0.65, 1.15
"""Factors on the spacing of a part: at the outline, and at the middle of the part."""
FACE_AREA = np.sqrt(3) / 4
"""Area of a triangle with sides of 1."""


@dataclass(frozen=True)
class Spacing:
    """Distances between points.

    Args:
        field: (h, w) float32, spacing in working pixels at each working pixel.
        distance: (h, w), distance of each inner pixel from the outline.
    """

    field: np.ndarray
    distance: np.ndarray

    def at(self, points: np.ndarray) -> np.ndarray:
        """Return the spacing (N,) at points (N, 2)."""
        return sampled_at(self.field, points)


def spacing_for(contours: Contours, triangles: int) -> Spacing:
    """Return the spacing at which about `triangles` triangles fill the inside."""
    inside = contours.raster(1).astype(np.uint8)
    distance = mask_distance(inside)
    thickness = half_thickness(distance)
    graded: np.ndarray = np.sqrt(thickness / thickness.max()) * (
        RIM + (MIDDLE - RIM) * np.minimum(1, distance / thickness)
    )
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


def half_thickness(distance: np.ndarray, radii: np.ndarray = RADII) -> np.ndarray:
    """Return the radius (h, w) float32, one of `radii`, of the largest disc inside the mask that covers a pixel.

    Hildebrand and Rueegsegger 1997.

    Args:
        distance: (h, w) float32, distance of the inner pixels from the outline; 0 outside.
    """
    thickness = np.full(distance.shape, radii[0], np.float32)
    for radius in radii[1:]:
        centres = distance >= radius
        if not centres.any():
            break
        away = mask_distance(~centres)
        thickness[away <= radius + SLACK] = radius
    return thickness


def _rising_slowly(field: np.ndarray) -> np.ndarray:
    """Return the largest field below `field` (h, w) that rises by at most RISE per pixel.

    The limit applies along rows, columns and diagonals.
    """
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
