"""Safe reading of small files and texts, from disk or from a .blend, that may have been tampered with.

Only regular files are read, up to a maximum size: a pipe or a device could block Blender or never end. JSON has no
infinite numbers, and limits on its nesting and on the length of its texts. All functions raise OSError or ValueError
with a plain reason.
"""

import hashlib
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


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file of any size, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """Return a regular file's bytes; raise ValueError if it is not a regular file or has more than `most` bytes."""
    number = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(number, "rb") as file:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise ValueError("it is a pipe or a device, not a file")
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it has more than {most} bytes")
    return data


def read_json(path: Path, most: int = MOST_BYTES) -> Any:
    """Return the contents of a small JSON file."""
    return parse_json(read_bytes(path, most))


def parse_json(text: str | bytes) -> Any:
    """Return the contents of a JSON text; raise ValueError also for some texts that Python's own reader accepts."""
    try:
        value = json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    check_plain(value)
    return value


def check_plain(value: Any) -> None:
    """Raise ValueError if JSON is nested too deeply, or has a number that is not finite or a text that is too long."""
    level = [value]
    for _ in range(DEEPEST):
        for item in level:
            if isinstance(item, float) and not math.isfinite(item):
                raise ValueError("it holds a number that is not finite")
            if isinstance(item, str) and len(item) > LONGEST_TEXT:
                raise ValueError(f"it holds a text of {len(item)} characters")
        level = [inner for item in level for inner in _inside(item)]
        if not level:
            return
    raise ValueError("it is nested too deeply")


def text(value: Any, longest: int) -> str:
    """Return a text of at most `longest` characters without null characters; raise ValueError for anything else."""
    if not isinstance(value, str) or len(value) > longest or "\0" in value:
        raise ValueError(f"{value!r:.60} is not a text of at most {longest} characters")
    return value


def number(value: Any, low: float, high: float) -> float:
    """Return a finite number from `low` to `high`; raise ValueError for anything else, including true and false."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"{value!r:.60} is not a number from {low:g} to {high:g}")
    return float(value)


def _inside(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return [*item, *item.values()]
    return item if isinstance(item, list) else []


def _refuse(name: str) -> Any:
    raise ValueError(f"it holds {name}")
