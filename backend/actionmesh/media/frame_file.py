"""Frames on disk: a long clip takes space in the temporary folder instead of memory."""

import operator
from collections.abc import Iterator

import numpy as np

from .scratch import ScratchFile


class FrameFile:
    """Frames (T, H, W, 4) uint8 that grow with `append` and are indexed like an array: `frames[3]`, `frames[4:8]`."""

    def __init__(self, height: int, width: int):
        self._size = (height, width, 4)
        self._count = 0
        self._file = ScratchFile("The clip's frames")

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (self._count, *self._size)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[i] for i in range(self._count))

    def append(self, frame: np.ndarray) -> None:
        """Append a frame (H, W, 4) uint8; raise OutputError if the disk is full."""
        assert frame.shape == self._size and frame.dtype == np.uint8, (frame.shape, frame.dtype)
        self._file.append(np.ascontiguousarray(frame).data.cast("B"))
        self._count += 1

    def __getitem__(self, index: int | slice) -> np.ndarray:
        """Return a copy of one frame (H, W, 4) or a slice (n, H, W, 4); raise IndexError beyond the last."""
        if isinstance(index, slice):
            chosen = range(*index.indices(self._count))
            return np.stack([self[i] for i in chosen]) if chosen else np.empty((0, *self._size), np.uint8)
        place = range(self._count)[operator.index(index)]
        frame = np.empty(self._size, np.uint8)
        self._file.read_into(frame.data.cast("B"), place * frame.nbytes)
        return frame


Frames = np.ndarray | FrameFile
"""(T, H, W, 4) uint8, in memory or on disk."""
