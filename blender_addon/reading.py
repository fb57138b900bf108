"""One policy for small files and texts that may have been tampered with: what the add-on reads back from disk or from a .blend.

Only regular files are read, up to a size: a pipe or a device could block Blender, or never end. JSON is plain: without
infinity, nested in bounds, its texts in bounds. All of it raises OSError or ValueError with a plain reason.
"""

import json
import math
import os
import stat
from pathlib import Path
from typing import Any

MOST_BYTES = 16 << 20
DEEPEST = 40
"""Levels of lists and objects within each other."""
LONGEST_TEXT = 1 << 20
"""Characters of one text."""


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """Return a regular file's bytes; ValueError where it is none, or has more than `most`."""
    number = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(number, "rb") as file:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise ValueError("it is a pipe or a device, not a file")
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it has more than {most} bytes")
    return data


def read_json(path: Path, most: int = MOST_BYTES) -> Any:
    """Return what a small file of JSON holds."""
    return parse_json(read_bytes(path, most))


def parse_json(text: str | bytes) -> Any:
    """Return what a text of JSON holds; ValueError also where Python's own reader would take it."""
    try:
        value = json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    check_plain(value)
    return value


def check_plain(value: Any) -> None:
    """Pass if JSON is nested no deeper than `DEEPEST`, has no endless number and no text longer than `LONGEST_TEXT`."""
    level = [value]
    for _ in range(DEEPEST):
        for item in level:
            if isinstance(item, float) and not math.isfinite(item):
                raise ValueError("it holds a number that is not finite")
            if isinstance(item, str) and len(item) > LONGEST_TEXT:
                raise ValueError(f"it holds a text of {len(item)} letters")
        level = [inner for item in level for inner in _inside(item)]
        if not level:
            return
    raise ValueError("it is nested too deeply")


def text(value: Any, longest: int) -> str:
    """Return a text of at most so many letters, without null characters; ValueError for anything else."""
    if not isinstance(value, str) or len(value) > longest or "\0" in value:
        raise ValueError(f"{value!r:.60} is no text of at most {longest} letters")
    return value


def number(value: Any, low: float, high: float) -> float:
    """Return a finite number from `low` to `high`; ValueError for anything else, true and false among it."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"{value!r:.60} is no number from {low:g} to {high:g}")
    return float(value)


def _inside(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return [*item, *item.values()]
    return item if isinstance(item, list) else []


def _refuse(name: str) -> Any:
    raise ValueError(f"it holds {name}")
