"""Where the frame shows what the mesh should show: optical flow from a render of the mesh to the frame.

The render has the colours that another frame showed at the same places of the surface. Where that frame showed
nothing, the colours come from the target frame itself, so that they cause no flow. Dense inverse search: Kroeger et
al. 2016.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from .camera import FilmCamera
from .film import Film, samples
from .silhouette import Scene, Sight

MOST_PIXELS = 900
ROUND_TRIP = 1.5
"""Pixels by which the flow there and back may miss its start, for a weight of exp(-1/2)."""
COLOUR = 40.0
"""Difference of colour (RGB, 0 to 255 per channel) between a pixel and its target, for a weight of exp(-1/2)."""
HALF_WRONG = 40.0
"""The same difference at which a pixel counts as half wrong in `FlowMatcher.mismatch`."""
SAME_PLACE = 3.0
"""Pixels in depth within which a point counts as seen rather than hidden."""
LEAST_WEIGHT = 0.02


@dataclass(frozen=True)
class Pose:
    """The mesh in one frame, and what the camera sees of it.

    Args:
        vertices: (V, 3) model space.
        sight: the pixels at which the mesh is seen.
        depth: (h w,) film z of what is seen at each pixel; -inf where nothing is seen.
    """

    vertices: np.ndarray
    sight: Sight
    depth: np.ndarray


def look(vertices: np.ndarray, faces: np.ndarray, camera: FilmCamera, size: tuple[int, int]) -> Pose:
    """Return a pose as the camera sees it."""
    sight = Scene(vertices, faces).sight(camera, size)
    depth = np.full(size[0] * size[1], -np.inf)
    depth[sight.pixel] = camera.to_film(sight.points(vertices, faces))[:, 2]
    return Pose(vertices, sight, depth)


@dataclass(frozen=True)
class Correspondences:
    """Points of the surface, and the pixels at which a frame shows them.

    Args:
        face: (M,) int, the faces of the points.
        weights: (M, 3), barycentric, the places on these faces.
        target: (M, 2) columns and rows.
        trust: (M,) 0 to 1.
    """

    face: np.ndarray
    weights: np.ndarray
    target: np.ndarray
    trust: np.ndarray


class FlowMatcher:
    """Optical flow between the film's frames by way of a mesh.

    Args:
        faces: (F, 3), shared by all poses.
    """

    def __init__(self, film: Film, camera: FilmCamera, faces: np.ndarray):
        self.film, self.camera, self.faces = film, camera, faces
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def correspondences(self, pose: Pose, frame: int, source: Pose, source_frame: int) -> Correspondences:
        """Return where `frame` shows the points that `pose` shows, by the colours that `source_frame` gives them."""
        picture, seen = self.painted(pose, frame, source, source_frame)
        target = self.film.pictures[frame]
        forward, missed = self._there_and_back(picture, target)
        rows, columns = np.divmod(pose.sight.pixel, self.film.size[1])
        moved = forward[rows, columns]
        found = np.stack([columns + 0.5, rows + 0.5], axis=1) + moved
        off = np.linalg.norm(samples(target, found) - picture[rows, columns], axis=1)
        misses = (missed[rows, columns] / ROUND_TRIP) ** 2 + (off / COLOUR) ** 2
        trust = np.where(seen, pose.sight.cosine * np.exp(-misses / 2), 0)
        chosen = np.flatnonzero(trust > LEAST_WEIGHT)
        if len(chosen) > MOST_PIXELS:
            chosen = chosen[np.linspace(0, len(chosen) - 1, MOST_PIXELS).astype(int)]
        sight = pose.sight
        return Correspondences(sight.face[chosen], sight.weights[chosen], found[chosen], trust[chosen])

    def painted(self, pose: Pose, frame: int, source: Pose, source_frame: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the render (h, w, 3) uint8 of a pose in another frame's colours.

        Returns: the render, and which of the seen pixels (H,) that frame shows.
        """
        height, width = self.film.size
        points = self.camera.to_film(pose.sight.points(source.vertices, self.faces))
        places = self.camera.pixels(points)
        columns, rows = np.floor(places).astype(int).T
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        pixel = np.where(inside, rows * width + columns, 0)
        seen = inside & (source.depth[pixel] < points[:, 2] + SAME_PLACE) & self.film.masks[source_frame].ravel()[pixel]
        colours = np.rint(samples(self.film.pictures[source_frame], places))
        picture = np.where(self.film.masks[frame][..., None], self.film.background, self.film.pictures[frame]).reshape(
            -1, 3
        )
        own = self.film.pictures[frame].reshape(-1, 3)
        picture[pose.sight.pixel] = np.where(seen[:, None], colours, own[pose.sight.pixel])
        return picture.reshape(height, width, 3), seen

    def mismatch(self, pose: Pose, frame: int, source: Pose, source_frame: int) -> float:
        """Return how badly a pose explains a frame, 0 to 1.

        Every pixel of mesh or subject counts. It is wholly wrong where only one of them is. Where both are and the
        source frame showed that place of the mesh, its colour decides.
        """
        picture, shown = self.painted(pose, frame, source, source_frame)
        mask, mesh = self.film.masks[frame].ravel(), pose.sight.mask.ravel()
        pixel = pose.sight.pixel[shown & mask[pose.sight.pixel]]
        off = np.linalg.norm(
            picture.reshape(-1, 3)[pixel] - self.film.pictures[frame].reshape(-1, 3)[pixel].astype(np.float32), axis=1
        )
        wrong = np.count_nonzero(mask ^ mesh) + (off**2 / (off**2 + HALF_WRONG**2)).sum()
        return float(wrong / max(1, np.count_nonzero(mask | mesh)))

    def _there_and_back(self, picture: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the flow (h, w, 2) from one picture to another, and by how many pixels (h, w) the way back misses."""
        first, second = (cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) for each in (picture, target))
        nothing = np.zeros((*first.shape, 2), np.float32)
        forward, back = self._flow.calc(first, second, nothing.copy()), self._flow.calc(second, first, nothing)
        rows, columns = np.mgrid[0 : first.shape[0], 0 : first.shape[1]].astype(np.float32)
        maps = columns + forward[..., 0], rows + forward[..., 1]
        returned = cv2.remap(back, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return forward, np.linalg.norm(forward + returned, axis=-1)
