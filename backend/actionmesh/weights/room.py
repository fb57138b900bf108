"""Format numbers of bytes, and check whether a disk has room for them."""

import math
from pathlib import Path

from ..errors import OutputError

GB, STEP, MB = 10**9, 10**8, 10**6
"""The bytes to free are rounded up to a multiple of STEP."""


def amount(count: int) -> str:
    """Return a number of bytes as text, such as "14.6 GB" or "176 MB"."""
    return f"{count / GB:.1f} GB" if count >= GB else f"{max(1, round(count / MB)) if count else 0} MB"


def check_room(folder: Path, needed: int, room: int | None, size: str = "") -> None:
    """Raise OutputError if a disk is too small for `needed` more bytes; a disk of unknown room passes.

    Args:
        room: free bytes, or None.
        size: the text for `needed`.

    Raises:
        OutputError: the disk is too small; the sentence says how much to free.
    """
    if room is not None and needed > room:
        lacking = math.ceil((needed - room) / STEP) * STEP
        problem = f"{folder} needs {size or amount(needed)} more, and its disk has {amount(room)} free."
        raise OutputError(problem, f"Free {amount(lacking)}, or choose a folder on another disk.")
