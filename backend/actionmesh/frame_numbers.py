"""How sentences count frames: from 0, as the command line and the files do, or from 1, as Blender's panels do."""

from .errors import InputError

_first = 0


def count_from(first: int) -> None:
    """Let the sentences of this process give the clip's first frame the number `first`."""
    global _first
    _first = first


def number_of(index: int) -> int:
    """Return the number that a sentence gives to a frame, by its index from 0."""
    return index + _first


def index_of_frame(frame: int, total: int, name: str) -> int:
    """Return an index into the chosen frames from 0; negative ones count from the end.

    Raises:
        InputError: the frame is outside the clip.
    """
    if not -total <= frame < total:
        told = number_of(frame) if frame >= 0 else frame
        cure = f"Use {number_of(0)} to {number_of(total - 1)}."
        raise InputError(f"The {name} frame is {told}, and {total} frames were chosen.", cure)
    return frame % total
