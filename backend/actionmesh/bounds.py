"""Check numbers and texts from outside: a value that makes no sense raises one sentence, whoever gave it."""

import math

from .errors import InputError
from .protocol import can_be_a_name

MOST_FRAMES = 10_000_000
"""About a day at 115 frames per second."""
MOST_STEPS = 100_000
MOST_BETWEEN = 1000
MOST_GUIDANCE = 100.0
MOST_FACES = 10_000_000
FRAME_RATES = (0.001, 100_000.0)
SHOWN = 40
"""Number of characters of a wrong value to show."""


def require_whole(what: str, value: object, least: int, most: int, why: str = "") -> None:
    """Raise InputError unless `value` is a whole number in these bounds."""
    if not is_whole(value, least, most):
        raise InputError(f"The {what} is {shown(value)}.", f"Use a whole number from {least} to {most}{why}.")


def require_number(what: str, value: object, least: float, most: float) -> None:
    """Raise InputError unless `value` is a number in these bounds."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and least <= value <= most and math.isfinite(value)):  # type: ignore[operator, arg-type]
        raise InputError(f"The {what} is {shown(value)}.", f"Use a number from {least:g} to {most:g}.")


def require_text(what: str, value: object) -> None:
    """Raise InputError unless `value` is a text that can name something."""
    if not isinstance(value, str) or not value or not can_be_a_name(value):
        raise InputError(f"The {what} is {shown(value)}, which names nothing.", "Use a name or a path.")


def is_whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def shown(value: object) -> str:
    """Return the beginning of a value, as text that every terminal can show."""
    try:
        text = str(value).encode("ascii", "backslashreplace").decode()
    except (ValueError, RecursionError):  # a whole number with thousands of digits, deeply nested lists
        return "out of all bounds"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
