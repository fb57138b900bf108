"""Crops of the subject at the clip's own resolution, all to the box around the subject in all frames.

For each frame, only the box around its own alpha is stored, losslessly compressed: the box around all frames is known
only at the end, and whole frames of a 4K clip would fill the disk. Memory holds one frame.
"""

import operator
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import reduce

import cv2
import numpy as np

from .scratch import ScratchFile

QUICK = [cv2.IMWRITE_PNG_COMPRESSION, 1]


@dataclass(frozen=True)
class Box:
    """A box of pixels: rows top to top + height, columns left to left + width."""

    top: int
    left: int
    height: int
    width: int

    def around(self, other: "Box") -> "Box":
        """Return the smallest box that contains both."""
        top, left = min(self.top, other.top), min(self.left, other.left)
        bottom = max(self.top + self.height, other.top + other.height)
        right = max(self.left + self.width, other.left + other.width)
        return Box(top, left, bottom - top, right - left)

    def slices(self, within: "Box | None" = None) -> tuple[slice, slice]:
        """Return (rows, columns) that index the box in its frame, or in a box that contains it."""
        top, left = (self.top - within.top, self.left - within.left) if within else (self.top, self.left)
        return slice(top, top + self.height), slice(left, left + self.width)


def box_of(covered: np.ndarray) -> Box | None:
    """Return the box around the true pixels of a bool (H, W) mask; None if there are none."""
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    if not len(rows):
        return None
    return Box(int(rows[0]), int(columns[0]), int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1)


@dataclass(frozen=True)
class _Stored:
    """The place of a frame's PNG in the file, and its box, which is None for a frame without any alpha."""

    box: Box | None
    start: int = 0
    size: int = 0


class SubjectCrops:
    """Crops (T, h, w, 4) uint8 with straight alpha that grow with `append` and are read one by one: `crops[3]`.

    Args:
        height, width: the size of the clip's frames.
    """

    def __init__(self, height: int, width: int):
        self.frame_size = (height, width)
        self.box: Box | None = None
        self._frames: list[_Stored] = []
        self._file = ScratchFile("The subject's pictures")

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[i] for i in range(len(self)))

    def append(self, frame: np.ndarray) -> None:
        """Append a whole frame (H, W, 4) uint8; raise OutputError if the disk is full."""
        assert frame.shape == (*self.frame_size, 4) and frame.dtype == np.uint8, (frame.shape, frame.dtype)
        box = box_of(frame[..., 3] > 0)
        if box is None:
            self._frames.append(_Stored(None))
            return
        _, coded = cv2.imencode(".png", np.ascontiguousarray(frame[box.slices()]), QUICK)
        self._frames.append(_Stored(box, self._file.append(coded.data.cast("B")), coded.nbytes))
        self.box = box if self.box is None else self.box.around(box)

    def in_order(self, places: Sequence[int]) -> "SubjectCrops":
        """Return crops of the same frames in another order; one may appear several times."""
        other = copy(self)
        other._frames = [self._frames[place] for place in places]
        boxes = [stored.box for stored in other._frames if stored.box is not None]
        other.box = reduce(Box.around, boxes) if boxes else None
        return other

    def __getitem__(self, index: int) -> np.ndarray:
        """Return one frame (h, w, 4), cropped to `box`; raise IndexError beyond the last."""
        stored = self._frames[operator.index(index)]
        assert self.box is not None, "no frame has any alpha"
        crop = np.zeros((self.box.height, self.box.width, 4), np.uint8)
        if stored.box is not None:
            coded = np.empty(stored.size, np.uint8)
            self._file.read_into(coded.data, stored.start)
            decoded = cv2.imdecode(coded, cv2.IMREAD_UNCHANGED)
            assert decoded is not None
            crop[stored.box.slices(self.box)] = decoded
        return crop
