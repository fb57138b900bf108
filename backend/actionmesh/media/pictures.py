"""Frames from picture files: a folder or a pattern of numbered pictures, one a frame."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from .decoded_picture import read_upright, told
from .folders import FoundPictures, find_pictures, with_masks

LOSSY_SUFFIXES = frozenset((".jpg", ".jpeg", ".jpe", ".webp", ".avif", ".jp2"))
SEQUENCE_FPS = 24.0


class PictureSequence:
    """Pictures in their order, one a frame, at 24 frames a second."""

    def __init__(self, source: str, paths: Sequence[Path], check: Callable[[], None] = lambda: None):
        self.name = source
        self._paths = paths
        self._check = check
        self.lossy = any(path.suffix.lower() in LOSSY_SUFFIXES for path in paths)

    def count(self, enough: int | None = None) -> int:
        return len(self._paths)

    def frame_name(self, index: int) -> str:
        return self._paths[index].name

    def rate(self) -> float:
        return SEQUENCE_FPS

    def read(self, indices: Sequence[int]) -> Iterator[tuple[np.ndarray, float]]:
        """The frames at rising `indices`: (H, W, 4) uint8 and seconds.

        Raises:
            MediaError: a file is damaged or no picture.
        """
        for index in indices:
            self._check()
            with told(self._paths[index], self.name, index):
                picture = read_upright(self._paths[index])
            yield picture, index / SEQUENCE_FPS


def open_sequence(source: str, check: Callable[[], None]) -> tuple[PictureSequence, PictureSequence | None]:
    """The pictures of a folder or a pattern, and their masks where these lie beside them.

    Raises:
        MediaError: there are none, or they are not one sequence.
    """
    found: FoundPictures = with_masks(source, find_pictures(source, check))
    masks = PictureSequence(source, found.masks, check) if found.masks else None
    return PictureSequence(source, found.pictures, check), masks
