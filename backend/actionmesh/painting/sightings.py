"""How well one frame shows points of a mesh: not hidden, well inside the mask, and facing the camera."""

import cv2
import numpy as np

from ..geometry.surface import vertex_normals
from ..matching.camera import FilmCamera
from ..matching.film import samples
from ..matching.flow import SAME_PLACE, look
from ..media.mask_distance import mask_distance
from ..media.subject_crops import SubjectCrops

LONGEST_SIDE = 512
"""Pixels along the longer side of the picture in which hidden points are found."""
RIM = 2.0
"""Pixels of the frame inside the mask's edge whose colours are not used."""
LEAST_COSINE = 0.2
"""Least cosine of the angle to the view at which a surface shows its colours."""


class Sighting:
    """A pose of a mesh as a frame of the clip shows it.

    Args:
        vertices: (V, 3) model space, the pose of this frame.
        faces: (F, 3).
        camera: in the pixels of the clip's frames.
        crops: the clip's subject.
        frame: the frame's index in `crops`.
    """

    def __init__(self, vertices: np.ndarray, faces: np.ndarray, camera: FilmCamera, crops: SubjectCrops, frame: int):
        assert crops.box is not None
        box = crops.box
        self._crop, self._factor = crops[frame], min(1.0, LONGEST_SIDE / max(box.height, box.width))
        self._camera = camera.rescaled(1.0, (box.left, box.top))
        self._small = camera.rescaled(self._factor, (box.left, box.top))
        self._vertices, self._faces = vertices, faces
        size = max(1, round(box.height * self._factor)), max(1, round(box.width * self._factor))
        depth = look(vertices, faces, self._small, size).depth.reshape(size).astype(np.float32)
        # a point in front of a neighbouring pixel hides too, because outlines of pose and picture never agree to
        # the pixel
        self._nearest = cv2.dilate(depth, np.ones((3, 3), np.uint8))
        self._inside = mask_distance(np.pad(self._crop[..., 3] >= 128, 1))[1:-1, 1:-1]

    def shows(self, points: np.ndarray) -> np.ndarray:
        """Return which points (N, 3) of the pose, in model space, are seen: (N,) bool."""
        small, film = self._small, self._small.to_film(points)
        inside = _picked(self._inside, self._camera.pixels(self._camera.to_film(points)), 0.0) > RIM
        return inside & (film[:, 2] > _picked(self._nearest, small.pixels(film), np.inf) - SAME_PLACE)

    def scores(self) -> np.ndarray:
        """Return how squarely each vertex (V,) is seen, 0 to 1; 0 for vertices that are not seen."""
        towards = self._camera.axes[2]
        if self._camera.inverse_distance > 0:
            towards = towards / self._camera.inverse_distance - self._vertices
            towards = towards / np.linalg.norm(towards, axis=1, keepdims=True)
        cosine = (vertex_normals(self._vertices, self._faces) * towards).sum(axis=1)
        return np.where(self.shows(self._vertices) & (cosine > LEAST_COSINE), cosine, 0.0)

    def colours(self, points: np.ndarray) -> np.ndarray:
        """Return what the frame shows at points (N, 3) of the pose: (N, 3) float32, 0 to 255."""
        places = self._camera.pixels(self._camera.to_film(points))
        picture = np.ascontiguousarray(self._crop[..., :3])
        return samples(picture, places)


def _picked(picture: np.ndarray, places: np.ndarray, outside: float) -> np.ndarray:
    """Return the pixels (N,) of a picture (h, w) at places (N, 2), columns and rows; `outside` beyond the picture."""
    columns, rows = np.floor(places).astype(int).T
    height, width = picture.shape
    within = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    return np.where(within, picture[np.where(within, rows, 0), np.where(within, columns, 0)], outside)
