"""Cameras from a cone around the front of a subject, or from all around, that show all of its motion.

A camera looks straight at the origin of model space, so a direction and a distance describe it fully. Its picture is a
square window that may lie off its axis.
"""

from dataclasses import dataclass

import numpy as np

CONE, PITCH = 15.0, 4.0
"""Degrees: the greatest angle between a camera and the centre of the cone, and how far that centre is raised."""
AROUND_PITCH = (-10.0, 30.0)
"""Degrees: the range of pitch for cameras all around."""
FIELD_OF_VIEW = (15.0, 40.0)
"""Degrees, for a subject that fills REACH on either side of the origin."""
REACH = 1.45
PERSPECTIVE_SHARE = 0.7
"""The other cameras are orthographic. All values are those of the bundled weights' training."""
CLEARANCE = 1.0
"""Least distance between the eye and the nearest point, in model units."""
MARGIN = 0.06


@dataclass(frozen=True, eq=False)
class Camera:
    """A camera, in model units.

    Args:
        axes: (3, 3) float64, right, up and back as rows, orthonormal.
        distance: from the origin to the eye; infinite when orthographic.
        centre: (2,) of the window in the plane through the origin, right and down.
        half: half the window's side.
        near, far: how far the subject reaches towards the camera (positive) and away from it (negative).
    """

    axes: np.ndarray
    distance: float
    centre: np.ndarray
    half: float
    near: float
    far: float

    def project(self, points: np.ndarray) -> np.ndarray:
        """Return the places (..., 2) of points (..., 3) in the picture, from 0 to 1 right and down."""
        return (_plane(points, self.axes, self.distance) - self.centre) / (2 * self.half) + 0.5


def draw_camera(vertices: np.ndarray, rng: np.random.Generator, yaw: float = 0.0) -> Camera:
    """Draw a camera from the cone that sees all poses (T, V, 3) in model space.

    `yaw` turns the cone around +Y, in radians.
    """
    around, off = rng.uniform(0, 2 * np.pi), np.radians(CONE) * np.sqrt(rng.random())
    axes = look_from(yaw + off * np.cos(around), np.radians(PITCH) + off * np.sin(around))
    angle = np.radians(rng.uniform(*FIELD_OF_VIEW))
    distance = REACH / np.tan(angle / 2) if rng.random() < PERSPECTIVE_SHARE else np.inf
    return aimed(vertices, axes, distance)


def draw_around(vertices: np.ndarray, count: int, rng: np.random.Generator) -> list[Camera]:
    """Draw perspective cameras that see all poses (T, V, 3), each from its own part of the circle around them."""
    yaws = 2 * np.pi * (np.arange(count) + rng.random(count)) / max(count, 1)
    pitches, angles = (np.radians(rng.uniform(*range_, count)) for range_ in (AROUND_PITCH, FIELD_OF_VIEW))
    drawn = zip(yaws, pitches, angles, strict=True)
    return [aimed(vertices, look_from(yaw, pitch), REACH / np.tan(angle / 2)) for yaw, pitch, angle in drawn]


def aimed(vertices: np.ndarray, axes: np.ndarray, distance: float) -> Camera:
    """Return a camera with these axes whose window shows all of (T, V, 3), moved away if it would be too near."""
    back = vertices @ axes[2]
    near, far = float(back.max()), float(back.min())
    distance = max(distance, near + CLEARANCE)
    plane = _plane(vertices, axes, distance).reshape(-1, 2)
    low, high = plane.min(axis=0), plane.max(axis=0)
    return Camera(axes, float(distance), (low + high) / 2, float((high - low).max() / 2 * (1 + MARGIN)), near, far)


def look_from(yaw: float, pitch: float) -> np.ndarray:
    """Return the (3, 3) right, up and back of a camera turned `yaw` radians around +Y and raised by `pitch`.

    With 0 and 0 it looks at the front.
    """
    sin_yaw, cos_yaw, sin_pitch, cos_pitch = np.sin(yaw), np.cos(yaw), np.sin(pitch), np.cos(pitch)
    right = (cos_yaw, 0.0, -sin_yaw)
    up = (-sin_yaw * sin_pitch, cos_pitch, -cos_yaw * sin_pitch)
    return np.array([right, up, (sin_yaw * cos_pitch, sin_pitch, cos_yaw * cos_pitch)])


def _plane(points: np.ndarray, axes: np.ndarray, distance: float) -> np.ndarray:
    """Return where the rays of points (..., 3) cross the plane through the origin: (..., 2), right and down."""
    seen = points @ axes.T
    return seen[..., :2] * (1, -1) / (1 - seen[..., 2:] / distance)
