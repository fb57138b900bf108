"""Pictures of what a studio shows, from cameras in model space."""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..errors import ArtistError
from ..motion.cone import Camera
from ..motion.framing import View
from ..motion.lighting import STUDIO, Light
from ..motion.placement import Placement
from .pictures import Studio

SLACK = 0.1
"""Model units by which a camera sees nearer and further than the subject reaches."""


def take_pictures(
    objects: Iterable[bpy.types.Object],
    timing: dict[str, Any],
    frames: Sequence[float],
    camera: Camera,
    placement: Placement,
    size: int,
    light: Light = STUDIO,
) -> np.ndarray:
    """Return (T, size, size, 4) uint8 sRGB pictures with straight alpha of the objects, at whole or fractional frames.

    Args:
        timing: values of `pictures.TIMING`.

    Raises:
        ArtistError: Blender cannot render.
        FolderError: there is no room for a picture in the folder for temporary files.
    """
    with tempfile.TemporaryDirectory() as folder, Studio(objects, timing) as studio:
        stand(studio, camera, placement, light)
        path, pictures = Path(folder, "picture.png"), []
        for frame in frames:
            studio.render(frame, size)
            studio.save(path)
            pictures.append(read_picture(path))
    return np.stack(pictures)


def stand(studio: Studio, camera: Camera, placement: Placement, light: Light = STUDIO) -> None:
    """Place the studio's camera where one of model space is; if its window is off its axis, the picture is shifted."""
    scale, flat = placement.scale, np.isinf(camera.distance)
    away = camera.near + 1.0 if flat else camera.distance
    eye = placement.to_world(away * camera.axes[2])
    angle = 0.5 if flat else 2 * np.arctan(camera.half / camera.distance)
    near, far = max(away - camera.near - SLACK, 1e-3) / scale, (away - camera.far + SLACK) / scale
    studio.stand(View(camera.axes @ placement.turn, eye, near, far, angle), light)
    data = studio.scene.camera.data
    if flat:
        data.type, data.ortho_scale = "ORTHO", 2 * camera.half / scale
    data.shift_x, data.shift_y = camera.centre * (1, -1) / (2 * camera.half)


def read_picture(path: Path) -> np.ndarray:
    """Return (H, W, 4) uint8 of an RGBA PNG, the first row at the top.

    Raises:
        ArtistError: the file does not exist any more, or is not a picture.
    """
    try:
        image = bpy.data.images.load(str(path))
    except RuntimeError as error:
        raise ArtistError(f"The picture {path} cannot be read.", "Try again.") from error
    try:
        width, height = image.size
        values = np.empty(width * height * 4, np.float32)
        image.pixels.foreach_get(values)
    finally:
        bpy.data.images.remove(image)
    return np.rint(255 * values.reshape(height, width, 4)[::-1]).astype(np.uint8)
