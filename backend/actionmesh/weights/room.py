"""Bytes in words, and whether a disk has room for them."""

import math
from pathlib import Path

from ..errors import OutputError

GB, STEP, MB = 10**9, 10**8, 10**6
"""STEP is what the bytes to free are rounded up to."""


def amount(count: int) -> str:
    """Return bytes in words, such as "14.6 GB" or "176 MB"."""
    return f"{count / GB:.1f} GB" if count >= GB else f"{max(1, round(count / MB)) if count else 0} MB"


def check_room(folder: Path, needed: int, room: int | None, size: str = "") -> None:
    """Refuse a disk that is too small for `needed` more bytes; one that does not tell its room is not judged.

    Args:
        room: free bytes, or None.
        size: how `needed` is worded.

    Raises:
        OutputError: names what must be freed.
    """
    if room is not None and needed > room:
        lacking = math.ceil((needed - room) / STEP) * STEP
        problem = f"{folder} needs {size or amount(needed)} more, and its disk has {amount(room)} free."
        raise OutputError(problem, f"Free {amount(lacking)}, or choose a folder on another disk.")
