"""The clip's camera in the pixels of the clip's own frames: of match space, and of the mesh's coordinates as it travels."""

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
