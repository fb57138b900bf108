"""What the fields of a job may hold: numbers in their bounds, names that can name something, and known choices.

A record keeps the limit of a field beside it, so that the worker, the command line and the panel share it. Whoever uses
a record asks it for its `fault` and raises an error of their own.
"""

import math
from collections.abc import Sized
from dataclasses import dataclass, fields
from enum import StrEnum
from types import NoneType
from typing import Any, NamedTuple, get_args, get_type_hints

MOST_FRAMES = 10_000_000
"""About a day at 115 frames per second."""
MOST_STEPS = 100_000
MOST_GUIDANCE = 100.0
MOST_FACES = 10_000_000
SHOWN = 40
"""Number of characters of a wrong value to show."""
LIMIT = "limit"


class Fault(NamedTuple):
    """One sentence on what is wrong, and one on what to do."""

    problem: str
    cure: str


@dataclass(frozen=True)
class Whole:
    """A whole number from `least` to `most`; `why` follows these bounds in the cure."""

    what: str
    least: int
    most: int
    why: str = ""

    def fault(self, value: object) -> Fault | None:
        if is_whole(value, self.least, self.most):
            return None
        cure = f"Use a whole number from {self.least} to {self.most}{self.why}."
        return Fault(f"The {self.what} is {shown(value)}.", cure)


@dataclass(frozen=True)
class Number:
    """A finite number from `least` to `most`; `of` follows the value in the sentence, `why` the bounds in the cure."""

    what: str
    least: float
    most: float
    noun: str = "number"
    of: str = ""
    why: str = ""

    def fault(self, value: object) -> Fault | None:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and self.least <= value <= self.most and math.isfinite(value):  # type: ignore[operator, arg-type]
            return None
        cure = f"Use a {self.noun} from {self.least:g} to {self.most:g}{self.why}."
        return Fault(f"The {self.what} is {shown(value)}{self.of}.", cure)


@dataclass(frozen=True)
class Name:
    """A text that can name something, such as a file."""

    what: str

    def fault(self, value: object) -> Fault | None:
        if isinstance(value, str) and value and can_be_a_name(value):
            return None
        return Fault(f"The {self.what} is {shown(value)}, which names nothing.", "Use a name or a path.")


@dataclass(frozen=True)
class Words:
    """A text in any language that says something, of at most `most` characters."""

    what: str
    most: int

    def fault(self, value: object) -> Fault | None:
        if not isinstance(value, str) or not value.strip() or not can_be_a_name(value):
            return Fault(f"The {self.what} is {shown(value)!r}, which says nothing.", "Say what happens, in words.")
        if len(value) > self.most:
            return Fault(f"The {self.what} has {len(value)} characters.", f"Use at most {self.most}.")
        return None


@dataclass(frozen=True)
class OneOf:
    what: str
    choices: type[StrEnum]

    def fault(self, value: object) -> Fault | None:
        if value in list(self.choices):
            return None
        return Fault(f"The {self.what} is {shown(value)}.", f"Use {', '.join(self.choices)}.")


@dataclass(frozen=True)
class Several:
    """At most `most` entries."""

    what: str
    most: int

    def fault(self, value: Sized) -> Fault | None:
        if len(value) <= self.most:
            return None
        return Fault(f"More than {self.most} {self.what} are given.", f"Give at most {self.most}.")


Limit = Whole | Number | Name | Words | OneOf | Several


def within(limit: Limit) -> dict[str, Limit]:
    """Return the metadata of a field with a limit."""
    return {LIMIT: limit}


class Checked:
    """A dataclass that knows what its fields may hold."""

    def fault(self) -> Fault | None:
        """Return what is wrong with the first field that makes no sense; None if all make sense."""
        for item in fields(self):  # type: ignore[arg-type]
            value, limit = getattr(self, item.name), limits(type(self)).get(item.name)
            absent = value is None and item.default is None
            if limit is not None and not absent and (found := limit.fault(value)):
                return found
            for inner in value if isinstance(value, tuple) else (value,):
                if isinstance(inner, Checked) and (found := inner.fault()):
                    return found
        return None


def limits(record: Any) -> dict[str, Limit]:
    """Return the limits of a record's fields, by name; a choice of an enum is one too."""
    found: dict[str, Limit] = {item.name: item.metadata[LIMIT] for item in fields(record) if LIMIT in item.metadata}
    return found | {name: OneOf(name.replace("_", " "), kind) for name, kind in kinds(record).items() if is_enum(kind)}


def kinds(record: Any) -> dict[str, Any]:
    """Return the types of a record's fields, without the None of an optional one."""
    hints = get_type_hints(record)
    return {item.name: _without_none(hints[item.name]) for item in fields(record)}


def _without_none(hint: Any) -> Any:
    choices = get_args(hint)
    return next((kind for kind in choices if kind is not NoneType), hint) if NoneType in choices else hint


def is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, StrEnum)


def is_whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def shown(value: object) -> str:
    """Return the beginning of a value, as text that every terminal can show."""
    try:
        text = str(value).encode("ascii", "backslashreplace").decode()
    except (ValueError, RecursionError):  # a whole number with thousands of digits, deeply nested lists
        return "out of all bounds"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def can_be_a_name(text: str) -> bool:
    """Return whether a file can have this name: no null, no surrogate except those that stand for undecodable bytes."""
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return "\0" not in text
