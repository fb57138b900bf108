"""Where a camera must stand to see a moving subject from its front in every frame."""

from dataclasses import dataclass

import numpy as np

from .axes import rotation

PITCH = np.radians(5.0)
FIELD_OF_VIEW = np.radians(25.0)
"""The networks learnt from cameras within 10 to 15 degrees of the front, most in mild perspective (15 to 40
degrees)."""
MARGIN = 0.06
"""Free space on every side, as a share of the subject's half extent."""

LARGEST = 1e15
"""The square of a larger length overflows in a renderer."""


@dataclass(frozen=True)
class View:
    """A camera with a square picture.

    Args:
        axes: (3, 3) float64, its right, up and back (towards the viewer) as rows, orthonormal.
        eye: (3,) float64.
        near, far: distances between which everything lies.
        field_of_view: radians across the picture.
    """

    axes: np.ndarray
    eye: np.ndarray
    near: float
    far: float
    field_of_view: float = FIELD_OF_VIEW


def front_axes(facing: str, pitch: float = PITCH) -> np.ndarray:
    """Return the (3, 3) float64 right, up and back of a camera `pitch` radians above the subject's front.

    Raises:
        ValueError: `facing` is not in `axes.FACINGS`.
    """
    sin, cos = np.sin(pitch), np.cos(pitch)
    return np.array([(1.0, 0.0, 0.0), (0.0, cos, -sin), (0.0, sin, cos)]) @ rotation(facing)


def frame_box(axes: np.ndarray, low: np.ndarray, high: np.ndarray) -> View:
    """Return the view with the nearest eye from which a whole box is in the picture.

    Args:
        axes: (3, 3) of the camera.
        low, high: (3,) corners of the box, measured along those axes.

    Raises:
        ValueError: the box is a point, or larger than LARGEST.
    """
    extent = high - low
    if not 0 < extent.max() < LARGEST:
        raise ValueError(f"A box from {low.tolist()} to {high.tolist()} cannot be framed.")
    half = max(extent[0], extent[1], 0.01 * extent[2]) / 2
    distance = half * (1 + MARGIN) / np.tan(FIELD_OF_VIEW / 2)
    eye = np.array([*((low + high) / 2)[:2], high[2] + distance])
    return View(axes, eye @ axes, near=distance / 10, far=2 * (distance + extent[2]))
