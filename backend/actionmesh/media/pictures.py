"""Frames from picture files: a folder or a pattern of pictures, one per frame."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from .decoded_picture import read_upright, told
from .folders import FoundPictures, find_pictures, with_masks

LOSSY_SUFFIXES = frozenset((".jpg", ".jpeg", ".jpe", ".webp", ".avif", ".jp2"))
SEQUENCE_FPS = 24.0


class PictureSequence:
    """Ordered pictures, one per frame, at 24 frames a second."""

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
        """Yield the frames at rising `indices`, (H, W, 4) uint8, and their seconds.

        Raises:
            MediaError: a file is damaged or not a picture.
        """
        for index in indices:
            self._check()
            with told(self._paths[index], self.name, index):
                picture = read_upright(self._paths[index])
            yield picture, index / SEQUENCE_FPS


def open_sequence(source: str, check: Callable[[], None]) -> tuple[PictureSequence, PictureSequence | None]:
    """Open the pictures of a folder or a pattern, and the masks next to them, if any.

    Raises:
        MediaError: there are no pictures, or they are not one sequence.
    """
    found: FoundPictures = with_masks(source, find_pictures(source, check))
    masks = PictureSequence(source, found.masks, check) if found.masks else None
    return PictureSequence(source, found.pictures, check), masks
