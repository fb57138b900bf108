"""Frames on disk: a clip's length costs space in the temporary folder, and no memory."""

import math
import operator
import tempfile
import weakref
from collections.abc import Iterator

import numpy as np

from ..errors import OutputError


class FrameFile:
    """Frames (T, H, W, 4) uint8 that grow by `append` and are read like an array's: `frames[3]`, `frames[4:8]`.

    The file has no name, or loses it with the process, so that nothing is left behind when one is killed.
    """

    def __init__(self, height: int, width: int):
        self._size = (height, width, 4)
        self._count = 0
        try:
            self._file = tempfile.TemporaryFile(buffering=0)
        except OSError as error:
            raise self._no_place(error) from error
        weakref.finalize(self, self._file.close)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (self._count, *self._size)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[i] for i in range(self._count))

    def append(self, frame: np.ndarray) -> None:
        """Adds (H, W, 4) uint8 at the end. Raises OutputError where the disk has no room for it."""
        assert frame.shape == self._size and frame.dtype == np.uint8, (frame.shape, frame.dtype)
        rest = np.ascontiguousarray(frame).data.cast("B")
        try:
            self._file.seek(self._count * len(rest))
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise self._no_place(error) from error
        self._count += 1

    def __getitem__(self, index: int | slice) -> np.ndarray:
        """One frame (H, W, 4), or those of a slice (n, H, W, 4): a copy. Raises IndexError beyond the last."""
        if isinstance(index, slice):
            chosen = range(*index.indices(self._count))
            return np.stack([self[i] for i in chosen]) if chosen else np.empty((0, *self._size), np.uint8)
        place = range(self._count)[operator.index(index)]
        frame = np.empty(self._size, np.uint8)
        rest = frame.data.cast("B")
        self._file.seek(place * len(rest))
        while rest:
            read = self._file.readinto(rest)
            assert read, "the file of frames has shrunk"
            rest = rest[read:]
        return frame

    def _no_place(self, error: OSError) -> OutputError:
        """Of a write that failed."""
        megabytes = math.prod(self._size) / 2**20
        return OutputError(
            f"The clip's frames do not go into the temporary folder {_folder()}: {error.strerror or error}.",
            f"Make room there, {megabytes:.1f} MB a frame, or name another folder in the variable TMPDIR.",
        )


def _folder() -> str:
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:  # none of the usual places can be written to
        return "of this system"


Frames = np.ndarray | FrameFile
"""(T, H, W, 4) uint8, in memory or on disk."""
