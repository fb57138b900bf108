"""File names by a pattern: `*` for any text, `?` for any character, `%d` and `%04d` for a number of at least so many digits.

Names are matched in one pass over their characters, however many stars a pattern has.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

PLACES = re.compile(r"([*?]|%\d*d)")
LONGEST_NAME = 255
DIGITS = "0123456789"


def is_pattern(source: str) -> bool:
    return PLACES.search(Path(source).name) is not None


def matcher(pattern: str) -> Callable[[str], bool]:
    """Return what tells whether a name matches.

    A pattern is a row of places, each for one character. How many of them may have been filled so far is a set of numbers,
    kept as the bits of an integer: bit n is set if the first n places fit what was read.
    """
    places, stay_for_any, stay_for_digits = _places(pattern)
    if len(places) > LONGEST_NAME:
        return lambda name: False
    fits = {
        character: _bits(place in (character, "?") for place in places)
        for character in {*places, *DIGITS} - {"?", "%d"}
    }
    fits_any, fits_digit = _bits(place == "?" for place in places), _bits(place == "%d" for place in places)

    def matches(name: str) -> bool:
        filled = 1
        for character in name:
            is_digit = character in DIGITS
            fitting = fits.get(character, fits_any) | (fits_digit if is_digit else 0)
            staying = stay_for_any | (stay_for_digits if is_digit else 0)
            filled = (filled & fitting) << 1 | filled & staying
        return bool(filled >> len(places) & 1)

    return matches


def _places(pattern: str) -> tuple[list[str], int, int]:
    """The places (a character, "?" or "%d"), and the bits after which any further character, or digit, may follow."""
    places: list[str] = []
    stay_for_any = stay_for_digits = 0
    for token in PLACES.split(pattern):
        if token == "*":
            stay_for_any |= 1 << len(places)
        elif PLACES.fullmatch(token) and token != "?":
            places += ["%d"] * min(max(1, int(token[1:-1][:4] or 1)), LONGEST_NAME + 1)
            stay_for_digits |= 1 << len(places)
        else:
            places += list(token)
    return places, stay_for_any, stay_for_digits


def _bits(flags: Iterable[bool]) -> int:
    return sum(1 << place for place, flag in enumerate(flags) if flag)
