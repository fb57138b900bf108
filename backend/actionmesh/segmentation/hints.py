"""What the artist pointed at, as odds of each place of a frame."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import MediaError
from ..frame_numbers import number_of
from ..protocol import Area, Picks, Spot

SURE = 8.0
"""Logarithm of the odds of what was pointed at."""
HALF, IN_BOX = 127, 0.95
"""Alpha above which a pixel is the subject's, and the share of a mask that lies in a box that fits it."""
POINT, NEAR, NOT_NEAR = 0.012, 0.14, 0.05
"""Radius of a point, and how far it and a point that is not the subject count nearby, as shares of the longer side."""


@dataclass(frozen=True)
class FramePicks:
    """The points and boxes of one frame, in shares of its width and height.

    Args:
        on, off: (n, 2) float, points of the subject, and points that are not.
        boxes: (n, 4) float: left, top, right, bottom.
    """

    on: np.ndarray
    off: np.ndarray
    boxes: np.ndarray

    @property
    def shows_subject(self) -> bool:
        """Whether they say where the subject is, not only where it is not."""
        return len(self.on) > 0 or len(self.boxes) > 0

    def odds(self, height: int, width: int) -> np.ndarray:
        """Return the logarithm of the odds (H, W) float32 that each place is the subject's."""
        y, x = np.mgrid[:height, :width] + 0.5
        longer, odds = max(height, width), np.zeros((height, width))
        for box in self.boxes * (width, height, width, height):
            inside = (x >= box[0]) & (x <= box[2]) & (y >= box[1]) & (y <= box[3])
            odds += np.where(inside, 1.0, -SURE)
        for points, sign, reach in ((self.on, 1, NEAR), (self.off, -1, NOT_NEAR)):
            for column, row in points * (width, height):
                distance = np.hypot(x - column, y - row) / longer
                odds += sign * 2 * np.exp(-0.5 * (distance / reach) ** 2) - (0.5 if sign > 0 else 0)
                odds[distance < max(POINT, 1.0 / longer)] = sign * SURE
        return odds.astype(np.float32)

    def fit(self, alpha: np.ndarray) -> bool:
        """Return whether a mask (H, W) uint8 has all points of the subject and no others, and lies in the boxes."""
        mask = alpha > HALF
        size = np.array(mask.shape[::-1])
        on, off = (tuple((points * size).astype(int).clip(0, size - 1).T[::-1]) for points in (self.on, self.off))
        rows, columns = np.nonzero(mask)
        places = (np.column_stack([columns, rows]) + 0.5) / size
        held = [((places >= box[:2]) & (places <= box[2:])).all(axis=1).mean() for box in self.boxes if len(places)]
        return bool(mask[on].all() and not mask[off].any() and min(held, default=1.0) >= IN_BOX)

    def touched(self, mask: np.ndarray) -> np.ndarray:
        """Return the pixels (row, column) of a mask at which the subject's points lie, (n, 2) int."""
        size = np.array(mask.shape[::-1])
        return (self.on * size).astype(int).clip(0, size - 1)[:, ::-1]


def picks_by_frame(
    picks: Picks, indices: np.ndarray, reference: int, width: int, height: int, name: str
) -> dict[int, FramePicks]:
    """Return the picks of each frame that has some, by its position among the chosen frames.

    Args:
        indices: (T,) the chosen frames' numbers in the clip.
        reference: the position of the reference frame, to which picks without a frame belong.
        width, height: the size of the clip's own frames in pixels.
    Raises:
        MediaError: a pick lies outside the frame, or in a frame that was not chosen.
    """
    found: dict[int, dict[str, list[tuple[float, ...]]]] = {}
    for kind, places in (("on", picks.point), ("off", picks.not_point), ("boxes", picks.box)):
        for place in places:
            _check_inside(place, width, height, name)
            position = _position(place.frame, indices, reference, name)
            sides = (place.x, place.y) if isinstance(place, Spot) else _corners(place, width, height)
            shares = tuple(side / (width, height)[axis % 2] for axis, side in enumerate(sides))
            found.setdefault(position, {"on": [], "off": [], "boxes": []})[kind].append(shares)
    return {position: _arrays(lists) for position, lists in sorted(found.items())}


def _arrays(lists: Mapping[str, list[tuple[float, ...]]]) -> FramePicks:
    sizes = {"on": 2, "off": 2, "boxes": 4}
    return FramePicks(**{kind: np.array(lists[kind], np.float64).reshape(-1, sizes[kind]) for kind in sizes})


def _corners(box: Area, width: int, height: int) -> tuple[float, ...]:
    return box.left, box.top, min(box.right, width), min(box.bottom, height)


def _check_inside(place: Spot | Area, width: int, height: int, name: str) -> None:
    column, row = (place.x, place.y) if isinstance(place, Spot) else (place.left, place.top)
    if column >= width or row >= height:
        what = "point" if isinstance(place, Spot) else "box"
        raise MediaError(
            f"The {what} at {column:g},{row:g} lies outside the frames of {name}, of {width} x {height} pixels.",
            "Count pixels of the clip's own frames from their top left corner.",
        )


def _position(frame: int | None, indices: np.ndarray, reference: int, name: str) -> int:
    if frame is None:
        return reference
    at = np.flatnonzero(indices == frame)
    if not len(at):
        nearest = int(indices[np.abs(indices - frame).argmin()])
        raise MediaError(
            f"A point or box lies in frame {number_of(frame)} of {name}, which is not one of the chosen frames.",
            f"Point into a chosen frame, such as {number_of(nearest)}, or choose other frames.",
        )
    return int(at[0])
