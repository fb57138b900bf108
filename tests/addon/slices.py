"""Work that is done in slices, done at once."""

from collections.abc import Generator
from typing import TypeVar

Outcome = TypeVar("Outcome")


def do_all(slices: Generator[None, None, Outcome]) -> Outcome:
    """Do all slices and return what they return."""
    while True:
        try:
            next(slices)
        except StopIteration as end:
            return end.value
