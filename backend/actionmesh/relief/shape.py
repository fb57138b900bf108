"""A mask, inflated to a closed mesh in model space that the clip's camera sees exactly where the frame shows it."""

from dataclasses import dataclass

import numpy as np

from ..errors import MeshError
from ..matching.camera import FilmCamera
from ..media.subject_crops import Box
from ..painting.coat import Coat
from .contours import Contours, contours_of
from .flat import Flat
from .inflation import heights
from .spacing import spacing_for
from .texture import texture_of
from .triangulation import triangulate

LONGEST_SIDE = 1.5
MAX_FACES = 12_000
SMALLEST_PART = 0.005
AIM = 0.95
"""Share of the allowed faces that the first try aims for."""
TRIES, TRUE_TRIES = 12, 6
"""Most tries, each with fewer triangles; and how many of the first ones follow the outline everywhere."""
BOLDER = 0.95
"""Safety factor on the next number of triangles, raised to the number of failures so far."""


@dataclass(frozen=True)
class Relief:
    """The shape of one frame.

    Args:
        vertices: (V, 3) float32 in model space, one per place; the longest side is 1.5, its box centred at the
            origin.
        faces: (F, 3) int32, closed, turned outward.
        camera: orthographic, in the pixels of the clip's own frames; it sees the shape's outline on the mask's.
        coat: the frame's own colours, mirrored on the back.
    """

    vertices: np.ndarray
    faces: np.ndarray
    camera: FilmCamera
    coat: Coat


def relief_from_crop(
    crop: np.ndarray,
    box: Box,
    frame_size: tuple[int, int],
    max_faces: int = MAX_FACES,
    smallest_part: float = SMALLEST_PART,
) -> Relief:
    """Return the shape of a frame's subject.

    Args:
        crop: (h, w, 4) uint8 with straight alpha, as `SubjectCrops` gives it.
        box: the crop's box in the clip's frames.
        frame_size: (height, width) of these frames.
        max_faces: the most faces that the shape may have.
        smallest_part: parts of the mask below this share of the largest part's area are left out.
    Raises:
        MediaError: the mask is empty.
        MeshError: its outline needs more faces.
    """
    contours = contours_of(crop[..., 3], smallest_part)
    flat = _within(contours, max_faces // 2)
    vertices, faces = closed(flat, heights(flat))
    seen = contours.to_crop(flat.points)
    picture, corner, covered = texture_of(crop)
    uv = (seen - corner) / covered * (1, -1) + (0, 1)
    size = float(np.mean(contours.ratio))
    vertices[:, :2], vertices[:, 2] = _both(seen, flat), vertices[:, 2] * size
    model, camera = _placed(vertices, box, frame_size)
    return Relief(model, faces, camera, Coat.of(_both(uv, flat)[faces].astype(np.float32), picture))


def _within(contours: Contours, most: int) -> Flat:
    """Return the inside of contours as at most `most` triangles."""
    aim = AIM * most
    for attempt in range(TRIES):
        flat = triangulate(contours, spacing_for(contours, max(1, int(aim))), follow=attempt < TRUE_TRIES)
        if 0 < len(flat.triangles) <= most:
            return flat
        aim *= min(1, most / max(1, len(flat.triangles))) * BOLDER ** (attempt + 1)
    raise MeshError(f"The subject's outline needs more than {2 * most} faces.", "Allow more faces.")


def closed(flat: Flat, height: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the closed surface of front and back, which share the rim; z is +height in front and -height behind.

    Vertices are ordered as the flat points, then again those that are not at the rim.

    Returns: vertices (V, 3) and faces (F, 3).
    """
    front = np.concatenate([flat.points, height[:, None]], axis=1)
    back = np.arange(len(flat.points))
    back[~flat.rim] = len(flat.points) + np.arange(np.count_nonzero(~flat.rim))
    behind = front[~flat.rim] * (1, 1, -1)
    # rows grow downwards, so what turns one way in the picture turns the other way in the world
    faces = np.concatenate([flat.triangles[:, ::-1], back[flat.triangles]])
    return np.concatenate([front, behind]), faces.astype(np.int32)


def _both(values: np.ndarray, flat: Flat) -> np.ndarray:
    """Return values (P, C) of the flat points as values (V, C) of the closed surface's vertices."""
    return np.concatenate([values, values[~flat.rim]])


def _placed(seen: np.ndarray, box: Box, frame_size: tuple[int, int]) -> tuple[np.ndarray, FilmCamera]:
    """Return the surface in model space, (V, 3) float32, and the camera that sees it where the crop shows it.

    Args:
        seen: (V, 3), columns, rows and heights in the crop's pixels.
    """
    low, high = seen.min(axis=0), seen.max(axis=0)
    scale = float((high - low).max()) / LONGEST_SIDE
    column, row = (low + high)[:2] / 2
    model = (seen - (column, row, 0)) * (1, -1, 1) / scale
    height, width = frame_size
    centre = width / 2, height / 2
    shift = float(box.left + column - centre[0]), float(centre[1] - box.top - row)
    return model.astype(np.float32), FilmCamera(0.0, 0.0, 0.0, 0.0, scale, shift, centre)
