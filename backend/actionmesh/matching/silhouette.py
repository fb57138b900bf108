"""What a camera sees of a mesh, by rays through the film's pixels."""

from dataclasses import dataclass

import numpy as np

from ..media.rays import RayScene
from .camera import FilmCamera

HEADROOM = 1.0
"""Distance in pixels by which rays start in front of the nearest vertex."""


@dataclass(frozen=True)
class Sight:
    """The pixels at which a mesh is seen.

    Args:
        size: (height, width) of the picture.
        pixel: (H,) int, row * width + column.
        face: (H,) int.
        weights: (H, 3) barycentric weights of the face's corners.
        cosine: (H,) how squarely the face looks into the camera, 0 to 1.
    """

    size: tuple[int, int]
    pixel: np.ndarray
    face: np.ndarray
    weights: np.ndarray
    cosine: np.ndarray

    @property
    def mask(self) -> np.ndarray:
        """(h, w) bool, where the mesh is seen."""
        mask = np.zeros(self.size[0] * self.size[1], bool)
        mask[self.pixel] = True
        return mask.reshape(self.size)

    def points(self, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """Return the seen points (H, 3) on any pose of the mesh."""
        points: np.ndarray = np.einsum("hcx,hc->hx", vertices[faces[self.face]], self.weights)
        return points


class Scene:
    """A mesh prepared for rendering.

    Args:
        vertices: (V, 3) model space; faces: (F, 3).
    """

    def __init__(self, vertices: np.ndarray, faces: np.ndarray):
        self._vertices = np.ascontiguousarray(vertices, np.float32)
        self._scene = RayScene(vertices, faces)

    def sight(self, camera: FilmCamera, size: tuple[int, int]) -> Sight:
        """Return what is seen at each pixel of a picture of `size` (height, width)."""
        origins, directions = self._rays(camera, size)
        eye = camera.eye if camera.curvature > 0 else None
        found = self._scene.hits(origins, directions, eye)
        pixel = np.flatnonzero(found.face >= 0)
        u, v, normals = found.u[pixel], found.v[pixel], found.normal[pixel]
        along = directions[pixel]
        lengths = np.linalg.norm(normals, axis=1) * np.linalg.norm(along, axis=1)
        cosine = np.abs((normals * along).sum(axis=1)) / np.maximum(lengths, 1e-20)
        return Sight(size, pixel, found.face[pixel], np.stack([1 - u - v, u, v], axis=1), cosine)

    def _rays(self, camera: FilmCamera, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Return origins and directions (h w, 3) float32 in model space, one ray through each pixel's centre."""
        near = float((self._vertices @ camera.axes[2]).max()) * camera.scale + HEADROOM
        if camera.curvature > 0:
            near = min(near, 0.999 / camera.curvature)
        rows, columns = np.mgrid[0 : size[0], 0 : size[1]]
        x, y = (columns + 0.5 - camera.principal[0]).ravel(), (camera.principal[1] - rows - 0.5).ravel()
        depth = 1 - camera.curvature * near
        origins = np.stack([x * depth - camera.shift[0], y * depth - camera.shift[1], np.full_like(x, near)], axis=1)
        directions = np.stack([camera.curvature * x, camera.curvature * y, np.full_like(x, -1.0)], axis=1)
        return camera.to_model(origins).astype(np.float32), (directions @ camera.axes).astype(np.float32)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Return the intersection over union of two masks; 0 for two empty ones."""
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 0.0
