"""The clip's camera in the pixels of the clip's own frames, in match space and in the mesh's coordinates."""

import numpy as np

from .matching.camera import FilmCamera
from .matching.film import Film
from .matching.standing import Standing, camera_in_mesh
from .protocol import ClipCamera


def native_camera(film: Film, standing: Standing) -> FilmCamera:
    """Return the camera of match space in the pixels of the clip's own frames."""
    corner = (-film.corner[0] * film.factor, -film.corner[1] * film.factor)
    return standing.view.camera.rescaled(1 / film.factor, corner)


def clip_camera(film: Film, standing: Standing) -> ClipCamera:
    """Return the camera of the clip's own frames, in the mesh's coordinates."""
    camera, (height, width) = standing.view.camera, film.frame_size
    matrix = camera_in_mesh(camera, standing.to_match)
    scale = camera.scale / film.factor
    perspective = camera.inverse_distance > 0
    return ClipCamera(
        matrix=tuple(matrix.ravel().tolist()),
        width=width,
        height=height,
        focal=scale / camera.inverse_distance if perspective else None,
        pixel=None if perspective else 1 / (scale * standing.to_match.scale),
    )


def seen_at(camera: ClipCamera, points: np.ndarray) -> np.ndarray:
    """Return where points (N, 3) of the mesh's coordinates are seen.

    Returns: (N, 3), columns and rows of the clip's frames, from the frame's corner, and the distance in front of
    the camera.
    """
    matrix = np.reshape(camera.matrix, (4, 4))
    right, up, back = ((points.astype(np.float64) - matrix[:3, 3]) @ matrix[:3, :3]).T
    depth = -back
    if camera.focal is not None:
        scale = camera.focal / np.where(depth > 0, depth, np.nan)
    else:
        assert camera.pixel is not None
        scale = np.full_like(depth, 1 / camera.pixel)
    places = np.stack([camera.width / 2 + scale * right, camera.height / 2 - scale * up, depth], axis=1)
    return np.nan_to_num(places, nan=0.0)
