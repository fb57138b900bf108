"""Cameras drawn from a cone around the front of a subject, or from all around, whose pictures show all of its motion.

A camera looks straight at the origin of model space, so that a direction and a distance tell all about it; the picture is a
square window that may lie off its axis.
"""

from dataclasses import dataclass

import numpy as np

CONE, PITCH = 15.0, 4.0
"""Degrees by which a camera is off at most from straight in front and a little above."""
AROUND_PITCH = (-10.0, 30.0)
"""Degrees, of cameras all around."""
FIELD_OF_VIEW = (15.0, 40.0)
"""Degrees; of a subject that fills REACH on either side of the origin."""
REACH = 1.45
PERSPECTIVE_SHARE = 0.7
"""The rest of the cameras is orthographic. All as in training of the bundled weights."""
CLEARANCE = 1.0
"""Model units between the eye and the nearest point, at least."""
MARGIN = 0.06


@dataclass(frozen=True, eq=False)
class Camera:
    """A camera, in model units.

    Args:
        axes: (3, 3) float64, right, up and back as rows, orthonormal.
        distance: from the origin to the eye; infinite when orthographic.
        centre: (2,) of the window in the plane through the origin, right and down.
        half: of the window's side.
        near, far: how far towards the camera (positive) and away from it (negative) the subject reaches.
    """

    axes: np.ndarray
    distance: float
    centre: np.ndarray
    half: float
    near: float
    far: float

    def project(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) -> (..., 2) in the picture, 0 to 1 right and down."""
        return (_plane(points, self.axes, self.distance) - self.centre) / (2 * self.half) + 0.5


def draw_camera(vertices: np.ndarray, rng: np.random.Generator, yaw: float = 0.0) -> Camera:
    """A camera from the cone that sees all poses (T, V, 3) in model space; `yaw` turns the cone around +Y, in radians."""
    around, off = rng.uniform(0, 2 * np.pi), np.radians(CONE) * np.sqrt(rng.random())
    axes = look_from(yaw + off * np.cos(around), np.radians(PITCH) + off * np.sin(around))
    angle = np.radians(rng.uniform(*FIELD_OF_VIEW))
    distance = REACH / np.tan(angle / 2) if rng.random() < PERSPECTIVE_SHARE else np.inf
    return aimed(vertices, axes, distance)


def draw_around(vertices: np.ndarray, count: int, rng: np.random.Generator) -> list[Camera]:
    """Cameras in perspective from all around, each from its own part of the circle, that see all poses (T, V, 3)."""
    yaws = 2 * np.pi * (np.arange(count) + rng.random(count)) / max(count, 1)
    pitches, angles = (np.radians(rng.uniform(*range_, count)) for range_ in (AROUND_PITCH, FIELD_OF_VIEW))
    drawn = zip(yaws, pitches, angles, strict=True)
    return [aimed(vertices, look_from(yaw, pitch), REACH / np.tan(angle / 2)) for yaw, pitch, angle in drawn]


def aimed(vertices: np.ndarray, axes: np.ndarray, distance: float) -> Camera:
    """A camera with these axes and distance, moved away where it would be too near, whose window shows all of (T, V, 3)."""
    back = vertices @ axes[2]
    near, far = float(back.max()), float(back.min())
    distance = max(distance, near + CLEARANCE)
    plane = _plane(vertices, axes, distance).reshape(-1, 2)
    low, high = plane.min(axis=0), plane.max(axis=0)
    return Camera(axes, float(distance), (low + high) / 2, float((high - low).max() / 2 * (1 + MARGIN)), near, far)


def look_from(yaw: float, pitch: float) -> np.ndarray:
    """(3, 3) right, up and back of a camera turned `yaw` radians around +Y and raised by `pitch`; 0, 0 is the front."""
    sin_yaw, cos_yaw, sin_pitch, cos_pitch = np.sin(yaw), np.cos(yaw), np.sin(pitch), np.cos(pitch)
    right = (cos_yaw, 0.0, -sin_yaw)
    up = (-sin_yaw * sin_pitch, cos_pitch, -cos_yaw * sin_pitch)
    return np.array([right, up, (sin_yaw * cos_pitch, sin_pitch, cos_yaw * cos_pitch)])


def _plane(points: np.ndarray, axes: np.ndarray, distance: float) -> np.ndarray:
    """(..., 3) -> (..., 2) right and down where their rays pass the plane through the origin."""
    seen = points @ axes.T
    return seen[..., :2] * (1, -1) / (1 - seen[..., 2:] / distance)
