"""Pointing at the subject in a frame: what a click or a drag does to the picks, and where each lies in the picture.

Picks are in pixels of the clip's own frames, from the top left; places in the picture are shares of its width and
height, from the bottom left.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

INSIDE = 0.01
"""Pixels by which a point stays inside the frame: one on the far edge lies outside."""


class Kind(StrEnum):
    POINT = "POINT"
    NOT_POINT = "NOT_POINT"
    BOX = "BOX"


@dataclass(frozen=True)
class Pick:
    """A point, a point that is not the subject, or a box from (x, y) to (right, bottom).

    Args:
        frame: the frame's number in the clip, counted from 0; None is the reference frame.
    """

    kind: Kind
    x: float
    y: float
    right: float = 0.0
    bottom: float = 0.0
    frame: int | None = None


Picks = tuple[Pick, ...]
Place = tuple[float, float]


def in_pixels(place: Place, size: tuple[int, int]) -> Place:
    """Return the pixel of a place in the picture, moved into the frame.

    Args:
        size: width and height of the clip's frames in pixels.
    """
    (u, v), (width, height) = place, size
    x, y = u * width, (1 - v) * height
    return round(min(max(x, 0.0), width - INSIDE), 2), round(min(max(y, 0.0), height - INSIDE), 2)


def in_picture(x: float, y: float, size: tuple[int, int]) -> Place:
    """Return the place of a pixel in the picture."""
    return x / size[0], 1 - y / size[1]


def is_inside(place: Place) -> bool:
    return all(0 <= share <= 1 for share in place)


def of_frame(picks: Picks, frame: int | None) -> Picks:
    return tuple(pick for pick in picks if pick.frame == frame)


def with_reference(picks: Picks, frame: int) -> Picks:
    """Return the picks with those of the reference frame as that frame's, now that its number is known."""
    return tuple(replace(pick, frame=frame) if pick.frame is None else pick for pick in picks)


def clicked(picks: Picks, pixel: Place, frame: int | None, removes: bool, reach: float) -> Picks:
    """Return the picks after a click.

    Args:
        removes: whether Ctrl is held. A pick within `reach` pixels is then taken away; elsewhere the point is not the
            subject's.
    """
    hit = hit_by(picks, pixel, frame, reach) if removes else None
    if hit is not None:
        return tuple(pick for pick in picks if pick is not hit)
    return (*picks, Pick(Kind.NOT_POINT if removes else Kind.POINT, *pixel, frame=frame))


def dragged(picks: Picks, start: Place, end: Place, frame: int | None) -> Picks:
    """Return the picks after a box was drawn in place of the frame's earlier one; an empty box changes nothing."""
    (left, right), (top, bottom) = (sorted(pair) for pair in zip(start, end, strict=True))
    if right <= left or bottom <= top:
        return picks
    others = tuple(pick for pick in picks if not (pick.kind is Kind.BOX and pick.frame == frame))
    return (*others, Pick(Kind.BOX, left, top, right, bottom, frame))


def taken_back(picks: Picks, frame: int | None) -> Picks:
    """Return the picks without the last one of a frame."""
    last = next((pick for pick in reversed(picks) if pick.frame == frame), None)
    return tuple(pick for pick in picks if pick is not last)


def hit_by(picks: Sequence[Pick], pixel: Place, frame: int | None, reach: float) -> Pick | None:
    """Return the pick of a frame that is nearest to a pixel, if it is within `reach` pixels: of a box, its outline."""
    near = [(_distance(pick, pixel), pick) for pick in picks if pick.frame == frame]
    distance, pick = min(near, key=lambda each: each[0], default=(float("inf"), None))
    return pick if distance <= reach else None


def _distance(pick: Pick, pixel: Place) -> float:
    x, y = pixel
    if pick.kind is not Kind.BOX:
        return float(((pick.x - x) ** 2 + (pick.y - y) ** 2) ** 0.5)
    outside = max(pick.x - x, 0.0, x - pick.right), max(pick.y - y, 0.0, y - pick.bottom)
    if any(outside):
        return float((outside[0] ** 2 + outside[1] ** 2) ** 0.5)
    return min(x - pick.x, pick.right - x, y - pick.y, pick.bottom - y)


def parsed(kind: Kind, text: str) -> Picks:
    """Return the picks of a text such as "320,180; 12:40,60", as on the command line; raise ValueError for others."""
    return tuple(_parsed_one(kind, part.strip()) for part in text.split(";") if part.strip())


def _parsed_one(kind: Kind, text: str) -> Pick:
    frame, colon, rest = text.rpartition(":")
    numbers = [float(word) for word in rest.split(",")]
    if len(numbers) != (4 if kind is Kind.BOX else 2) or (colon and not frame.isdecimal()):
        raise ValueError(text)
    x, y, right, bottom = (*numbers, 0.0, 0.0)[:4]
    return Pick(kind, x, y, right, bottom, int(frame) if colon else None)
