"""The clip's camera: seven numbers that map model space to the pixels of a frame.

A point is turned into camera axes (right, up, back) and scaled to pixels. This makes it a point of *film space*: x
and y are pixels right and up from where the origin of model space is seen; z is in the same unit, towards the
camera. From there

    column = principal x + (x + shift x) / (1 - curvature z)
    row    = principal y - (y + shift y) / (1 - curvature z)

with curvature = inverse distance / scale. An orthographic camera has an inverse distance of 0 and needs no special
case.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..media.render import Camera


@dataclass(frozen=True)
class FilmCamera:
    """A static camera.

    Args:
        yaw: radians around +Y; 0 looks along -Z at the front of the subject, pi/2 stands on +X.
        pitch: radians upwards; pi/2 looks straight down.
        roll: radians; above 0 the camera leans to its right, so the picture turns counterclockwise.
        inverse_distance: 1 / the distance from the eye to the plane through the origin, in 1 / model units; 0 is
            orthographic.
        scale: pixels per model unit in that plane.
        shift: (x, y) pixels right and up from the principal point to where the origin of model space is seen.
        principal: (column, row) of the optical axis: the centre of the clip's whole frame.
    """

    yaw: float
    pitch: float
    roll: float
    inverse_distance: float
    scale: float
    shift: tuple[float, float]
    principal: tuple[float, float]

    @property
    def axes(self) -> np.ndarray:
        """(3, 3) float64: right, up and back of the camera in model space, a row each."""
        return axes_of(self.yaw, self.pitch, self.roll)

    @property
    def curvature(self) -> float:
        """1 / the distance from the eye to the plane through the origin, in 1 / pixels."""
        return self.inverse_distance / self.scale

    @property
    def eye(self) -> np.ndarray:
        """(3,) position of the camera in model space, unless it is orthographic."""
        return self.to_model(np.array([-self.shift[0], -self.shift[1], 1 / self.curvature]))

    def to_film(self, points: np.ndarray) -> np.ndarray:
        """Return points (..., 3) of model space in film space, float64."""
        return points.astype(np.float64) @ (self.scale * self.axes.T)

    def to_model(self, points: np.ndarray) -> np.ndarray:
        """Return points (..., 3) of film space in model space, float64."""
        in_model: np.ndarray = points @ self.axes / self.scale
        return in_model

    def pixels(self, film: np.ndarray) -> np.ndarray:
        """Return where points (..., 3) of film space are seen: (..., 2) columns and rows."""
        offsets = (film[..., :2] + self.shift) / (1 - self.curvature * film[..., 2:])
        return np.asarray(self.principal) + offsets * (1, -1)

    def at_depth(self, points: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Return points (N, 3) of model space moved along their rays of sight to another film z (N,), float64."""
        film = self.to_film(points)
        nearer = (1 - self.curvature * depth) / (1 - self.curvature * film[:, 2])
        across = (film[:, :2] + self.shift) * nearer[:, None] - self.shift
        return self.to_model(np.column_stack([across, depth]))

    def jacobian(self, film: np.ndarray) -> np.ndarray:
        """Return the derivatives (..., 2, 3) of `pixels` by the points (..., 3) of film space."""
        near = 1 / (1 - self.curvature * film[..., 2])
        offsets = (film[..., :2] + self.shift) * (self.curvature * near**2)[..., None]
        result = np.zeros((*film.shape[:-1], 2, 3))
        result[..., 0, 0], result[..., 1, 1] = near, -near
        result[..., 0, 2], result[..., 1, 2] = offsets[..., 0], -offsets[..., 1]
        return result

    def rescaled(self, factor: float, corner: tuple[float, float]) -> "FilmCamera":
        """Return the camera of the picture that begins at `corner` (column, row) and is enlarged by `factor`."""
        return replace(
            self,
            scale=self.scale * factor,
            shift=(self.shift[0] * factor, self.shift[1] * factor),
            principal=((self.principal[0] - corner[0]) * factor, (self.principal[1] - corner[1]) * factor),
        )

    @property
    def numbers(self) -> np.ndarray:
        """(7,) yaw, pitch, roll, inverse distance, scale, shift x, shift y."""
        return np.array([self.yaw, self.pitch, self.roll, self.inverse_distance, self.scale, *self.shift])

    def with_numbers(self, numbers: np.ndarray) -> "FilmCamera":
        """Return the camera with other `numbers` and the same principal point."""
        yaw, pitch, roll, inverse_distance, scale, x, y = map(float, numbers)
        return FilmCamera(yaw, pitch, roll, inverse_distance, scale, (x, y), self.principal)


def axes_of(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Return right, up and back (3, 3) of a camera in model space, a row each."""
    right, up, back = Camera(yaw, pitch).axes
    sin_roll, cos_roll = np.sin(roll), np.cos(roll)
    return np.array([cos_roll * right - sin_roll * up, sin_roll * right + cos_roll * up, back])
