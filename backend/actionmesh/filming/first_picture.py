"""The first frame of a clip: a subject from a picture or a render, placed on a plain background with room to move."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..errors import MediaError
from ..media.clip import Clip, resize_rgba
from ..media.colour_key import find_key
from ..media.decoded_picture import read_upright, told
from ..media.subject import BackgroundRemover
from ..media.subject_crops import box_of
from ..segmentation.choice import Means, cut_out

BACKGROUNDS = {"light grey": (214, 214, 214), "dark grey": (58, 58, 58)}
"""Colours that a clip's background may have, by their names in a prompt; a clip without a picture has the first."""
LIGHT = next(iter(BACKGROUNDS))
ROOM = (0.6, 0.5)
"""Largest share of the picture's height and width that the subject takes at first."""


@dataclass(frozen=True)
class FirstPicture:
    """The first frame of a clip.

    Args:
        pixels: (H, W, 3) uint8.
        background: its colour in words.
    """

    pixels: np.ndarray
    background: str


def read_subject(path: Path, remover: BackgroundRemover | None, check: Callable[[], None]) -> np.ndarray:
    """Read a picture and cut out its subject, (H, W, 4) uint8, as a clip's would be.

    Raises:
        MediaError: the picture cannot be read, or its subject cannot be separated from its background.
    """
    check()
    with told(path, path.name, 0):
        picture = read_upright(path)
    has_alpha = bool((picture[..., 3] < 128).any())
    if not has_alpha:
        picture = np.dstack([picture[..., :3], np.full(picture.shape[:2], 255, np.uint8)])
    still = Clip(picture[None], np.zeros(1), np.zeros(1, np.int64), has_alpha, path.name)
    if not has_alpha and remover is None and find_key(still.frames) is None:
        raise MediaError(
            f"The subject of {path.name} cannot be separated from its background.",
            "Choose a picture with a transparent or plain background, or download the weights that remove backgrounds.",
        )
    return np.asarray(cut_out(still, Means(remover)).frames[0])


def placed(subject: np.ndarray, width: int, height: int) -> FirstPicture:
    """Place a subject (h, w, 4) uint8 in the middle of a picture, on the background from which it differs more.

    Raises:
        MediaError: nothing of it is visible.
    """
    box = box_of(subject[..., 3] >= 128)
    if box is None:
        raise MediaError("The picture shows no subject.", "Choose a picture that shows it.")
    cut = np.ascontiguousarray(subject[box.slices()])
    scale = min(ROOM[0] * height / cut.shape[0], ROOM[1] * width / cut.shape[1])
    rows, columns = (max(1, round(scale * length)) for length in cut.shape[:2])
    cut = _scaled(cut, columns, rows)
    name = _background(cut)
    canvas = np.full((height, width, 3), BACKGROUNDS[name], np.uint8)
    top, left = (height - rows) // 2, (width - columns) // 2
    alpha = cut[..., 3:].astype(np.float32) / 255
    place = canvas[top : top + rows, left : left + columns]
    place[:] = np.rint(alpha * cut[..., :3] + (1 - alpha) * place)
    return FirstPicture(canvas, name)


def _scaled(rgba: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize a subject; a small one that is enlarged many times is smoothed."""
    resized = resize_rgba(rgba, width, height)
    return resized if width <= 4 * rgba.shape[1] else cv2.GaussianBlur(resized, (0, 0), 1.0)


def _background(rgba: np.ndarray) -> str:
    """Return the name of the background that differs most from the subject's typical colour."""
    colours = rgba[rgba[..., 3] >= 128][:, :3].astype(np.float32)
    typical = np.median(colours, axis=0)
    return max(BACKGROUNDS, key=lambda name: float(np.linalg.norm(typical - BACKGROUNDS[name])))
