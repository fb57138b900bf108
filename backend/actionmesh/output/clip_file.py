"""Write the frames of a clip that was made here as a film, complete or not at all."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from ..files.atomic import write_atomically
from .film import encode_film


def write_clip(frames: np.ndarray, fps: int, path: Path) -> None:
    """Write frames (T, H, W, 3) uint8, of even height and width, as an .mp4; raise OutputError if that fails."""
    height, width = frames.shape[1:3]
    write_atomically(path, lambda part: encode_film(frames, Fraction(fps), (height, width), part))
