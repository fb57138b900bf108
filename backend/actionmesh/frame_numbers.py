"""How sentences count frames: from 0, as the command line and the files do, or from 1, as Blender's panels do."""

_first = 0


def count_from(first: int) -> None:
    """Let the sentences of this process give the clip's first frame the number `first`."""
    global _first
    _first = first


def number_of(index: int) -> int:
    """Return the number that a sentence gives to a frame, by its index from 0."""
    return index + _first
