"""Patterns for file names: `*` is any text, `?` any character, `%d` a number, `%04d` a number of at least four digits.

A name is matched in one pass over its characters, regardless of the number of stars in the pattern.
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
    """Return a function that tells whether a name matches.

    A pattern is a row of places, each for one character. The state of a match is an integer: bit n is set if the first
    n places fit the characters read so far.
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
    """Return the places (a character, "?" or "%d"), and the bits at which any character, or any digit, may follow."""
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
