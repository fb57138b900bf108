"""When a video's frames are shown, and their time stamps where the file does not give them all, or starts them anew."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Timeline:
    """When a video's frames are shown.

    Args:
        stamps: rising time stamps in units of `unit` seconds.
        unit: seconds.
        keyframes: those of `stamps` at which decoding can start, rising, each with the stamp to seek there.
        repeated: those of `stamps` that several pictures have; the last of them is the one that is seen.
        numbered: the frames are found by their number among all that are decoded, not by their stamps.
        from_keyframe: whether decoding starts at the first keyframe, or at the first packet as none is called a keyframe.
        damaged: the file ends before it should.
    """

    stamps: Sequence[int]
    unit: Fraction
    keyframes: Sequence[tuple[int, int]] = ()
    repeated: frozenset[int] = frozenset()
    numbered: bool = False
    from_keyframe: bool = True
    damaged: bool = False


def in_order_of_file(order: list[int | None], frames: int) -> list[int | None]:
    """The stamps of so many frames: decoders give them out as steadily as packets come in."""
    known = sorted({stamp for stamp in order if stamp is not None})
    return [*known[:frames], *[None] * (frames - len(known))]


def rising(stamps: list[int | None], step: int) -> list[int]:
    """Stamps of which each missing one, and each that is not later than the one before, is a step after that."""
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
