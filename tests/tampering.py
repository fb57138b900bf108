"""Hostile values, put into every place of plain JSON, one after the other."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

HOSTILE = (
    None, True, -1, 0, 7, 2**31, 2**63, 10**400, 1e300, float("inf"), float("nan"), "", "x", "XYZ", "x" * (2**20 + 1),
    "a\0b",
    "../../etc/passwd", [], [1.0, 2.0, 3.0, 4.0], ["x"], {}, {"a": 1}, [[[[[]]]]],
)  # fmt: skip


def places(plain: Any, path: tuple = ()) -> Iterator[tuple]:
    """Yield the path to everything within plain JSON."""
    inside = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    for name, value in inside:
        yield (*path, name)
        yield from places(value, (*path, name))


def tampered(plain: Any) -> Iterator[tuple[tuple, Any, Any]]:
    """Yield (path, value, JSON with that value there); the value is None where something is left out or added."""
    for path in places(plain):
        for value in HOSTILE:
            yield path, value, _with(plain, path, value)
    yield (), "an unknown field", plain | {"unknown": HOSTILE[-1]}


def _with(plain: Any, path: tuple, value: Any) -> Any:
    changed = deepcopy(plain)
    owner = changed
    for name in path[:-1]:
        owner = owner[name]
    owner[path[-1]] = value
    return changed
