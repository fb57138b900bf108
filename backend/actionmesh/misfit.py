"""A picture of a mesh that could not be bent into a frame of its clip: its outline over that frame."""

from pathlib import Path

import numpy as np
from PIL import Image

from .clip_camera import clip_camera
from .errors import OutputError
from .files.atomic import write_atomically
from .matching.film import make_film
from .matching.standing import Standing
from .media.subject_crops import SubjectCrops
from .output.outline import Outliner, Window
from .output.preview import TOP_COLOUR
from .protocol import MISFIT_ENDING

SIDE = 512
"""Pixels along the picture's edge."""
MARGIN = 1.15
"""The picture's edge in longer sides of the subject's box."""


def misfit_picture(
    vertices: np.ndarray, faces: np.ndarray, crops: SubjectCrops, frame: int, standing: Standing, out: tuple[str, ...]
) -> Path | None:
    """Write the picture beside a job's first result and return its path; None if there is no place for it.

    Args:
        vertices: (V, 3) in the mesh's own coordinates, as `standing` describes them.
        faces: (F, 3).
        out: the job's results.
    """
    if not out or crops.box is None:
        return None
    first = Path(out[0])
    path = first.with_name(f"{first.stem}{MISFIT_ENDING}")
    picture = Image.fromarray(outlined(vertices, faces, crops, frame, standing))
    try:
        write_atomically(path, lambda part: picture.save(part, "PNG"))
    except OutputError:
        return None
    return path


def outlined(
    vertices: np.ndarray, faces: np.ndarray, crops: SubjectCrops, frame: int, standing: Standing
) -> np.ndarray:
    """Return a frame with the outline of a mesh, (SIDE, SIDE, 3) uint8."""
    box = crops.box
    assert box is not None
    side = MARGIN * max(box.height, box.width)
    corner = (box.left + (box.width - side) / 2, box.top + (box.height - side) / 2)
    outliner = Outliner(faces, clip_camera(make_film(crops), standing), crops, Window(corner, side, SIDE))
    drawn = outliner.picture(frame, vertices).astype(np.float32)
    alpha = drawn[..., 3:] / 255
    return np.rint(alpha * drawn[..., :3] + (1 - alpha) * np.array(TOP_COLOUR)).astype(np.uint8)
