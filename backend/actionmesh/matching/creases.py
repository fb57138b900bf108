"""Whether a picture's edges lie where a mesh has creases, which tells a view from the opposite one.

From far away a mesh has the same outline from the front and from behind. Inside the outline the two differ: where
the surface turns sharply or hides what is behind it, pictures have edges, for all colours and lights.
"""

import cv2
import numpy as np

from ..geometry.triangles import face_normals
from .camera import FilmCamera
from .film import Film
from .silhouette import Scene

INSIDE = 5
"""Side in pixels of the erosion that leaves out the outline, where everything has an edge."""
BLUR = 1.0
LEAST_PIXELS = 50


def crease_agreement(
    scene: Scene, vertices: np.ndarray, faces: np.ndarray, film: Film, frame: int, camera: FilmCamera
) -> float:
    """Return the correlation of a frame's edges with the mesh's creases inside both outlines, -1 to 1.

    Args:
        vertices: (V, 3) model space; faces: (F, 3).
    """
    normals, mask = _normals(scene, vertices, faces, camera, film.size)
    inside = cv2.erode((mask & film.masks[frame]).astype(np.uint8), np.ones((INSIDE, INSIDE), np.uint8)) > 0
    if np.count_nonzero(inside) < LEAST_PIXELS:
        return 0.0
    creases = _blurred(np.sqrt(_slopes(normals).sum(axis=-1)))[inside]
    edges = _blurred(np.log1p(np.sqrt(_slopes(film.pictures[frame].astype(np.float32)).max(axis=-1))))[inside]
    if creases.std() < 1e-6 or edges.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(creases, edges)[0, 1])


def _normals(
    scene: Scene, vertices: np.ndarray, faces: np.ndarray, camera: FilmCamera, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return unit normals towards the camera, (h, w, 3) float32 in its axes, and where the mesh is seen, (h, w)."""
    sight = scene.sight(camera, size)
    normals = face_normals((vertices @ camera.axes.T)[faces[sight.face]])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    picture = np.zeros((size[0] * size[1], 3), np.float32)
    picture[sight.pixel] = normals * np.where(normals[:, 2:] < 0, -1, 1)
    return picture.reshape(*size, 3), sight.mask


def _slopes(picture: np.ndarray) -> np.ndarray:
    """Return the squared length (h, w, C) of each channel's slope."""
    return cv2.Sobel(picture, cv2.CV_32F, 1, 0) ** 2 + cv2.Sobel(picture, cv2.CV_32F, 0, 1) ** 2


def _blurred(picture: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), BLUR)
