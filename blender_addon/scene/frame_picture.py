"""The picture of a frame into which an artist points: an image of the file for as long as its window is open."""

from pathlib import Path

import bpy
import numpy as np

from ..motion.veil import veiled
from .viewing import read_picture

NAME = "ActionMesh Pick Subject"


def _shown() -> bpy.types.Image | None:
    """Return the picture that the window shows; None before the first and after an undo."""
    return bpy.data.images.get(NAME)


def show(path: Path) -> bpy.types.Image:
    """Show the frame of a picture on disk with all but its subject darkened; return what the window shows.

    Raises:
        ArtistError: see `read_picture`.
    """
    picture = veiled(read_picture(path)[::-1] / np.float32(255))
    height, width = picture.shape[:2]
    image = _shown()
    if image is not None and tuple(image.size) != (width, height):
        bpy.data.images.remove(image)
        image = None
    if image is None:
        image = bpy.data.images.new(NAME, width, height)
    image.pixels.foreach_set(picture.ravel())
    image.update()
    return image


def forget() -> None:
    """Remove the picture from the file."""
    image = _shown()
    if image is not None:
        bpy.data.images.remove(image)
