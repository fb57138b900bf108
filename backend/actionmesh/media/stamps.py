"""A video's timeline, and repair of time stamps that are missing or restart within the file."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Timeline:
    """The times at which a video's frames are shown.

    Args:
        stamps: rising time stamps in units of `unit` seconds.
        unit: seconds.
        keyframes: the stamps at which decoding can start, rising, each with the stamp to seek to.
        repeated: the stamps that several pictures share; the last of these pictures is shown.
        numbered: whether frames are found by their number among all decoded frames, not by their stamps.
        from_keyframe: whether decoding starts at the first keyframe; False starts at the first packet, if the file
            marks no keyframes.
        damaged: whether the file ends early.
    """

    stamps: Sequence[int]
    unit: Fraction
    keyframes: Sequence[tuple[int, int]] = ()
    repeated: frozenset[int] = frozenset()
    numbered: bool = False
    from_keyframe: bool = True
    damaged: bool = False


def in_order_of_file(order: list[int | None], frames: int) -> list[int | None]:
    """Return the stamps of `frames` frames from the packets' order: decoders return frames at the packets' pace."""
    known = sorted({stamp for stamp in order if stamp is not None})
    return [*known[:frames], *[None] * (frames - len(known))]


def rising(stamps: list[int | None], step: int) -> list[int]:
    """Return rising stamps: one that is missing, or not later than the previous one, is set a step after that one."""
    first = next((place for place, stamp in enumerate(stamps) if stamp is not None), None)
    before = -step if first is None else (stamps[first] or 0) - (first + 1) * step
    result, offset = [], 0
    for stamp in stamps:
        shown = before + step if stamp is None else stamp + offset
        if shown <= before:
            shown = before + step
            offset = shown - (stamp or 0)
        result.append(shown)
        before = shown
    return result
