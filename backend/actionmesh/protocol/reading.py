"""Plain JSON into dataclasses, checking every name and type."""

import json
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from .kinds import Kind, ProtocolError
from .limits import can_be_a_name

Record = TypeVar("Record")


def read(record: type[Record], value: Any, where: str = "answer") -> Record:
    """Build a dataclass of this package from plain JSON, checking every name and type.

    Raises:
        ProtocolError: a field is unknown, missing or of the wrong type; the sentence names it.
    """
    if not isinstance(value, dict):
        raise _unlike(where, "an object", value)
    hints = get_type_hints(record)
    wanted = {item.name: item for item in fields(record)}  # type: ignore[arg-type]
    for name in value:
        if name not in wanted:
            names = ", ".join(wanted) or "none"
            raise ProtocolError(Kind.INVALID_PARAMS, f"{where} has no field {name!r:.80}.", f"Its fields: {names}.")
    for name, item in wanted.items():
        if name not in value and item.default is MISSING and item.default_factory is MISSING:
            raise ProtocolError(Kind.INVALID_PARAMS, f"{where} lacks the field {name!r}.", "Add it.")
    return record(**{name: read_as(hints[name], item, f"{where}.{name}") for name, item in value.items()})


def read_as(hint: Any, value: Any, where: str) -> Any:
    """Return plain JSON as a value of type `hint`, as `read` reads a field; raise ProtocolError."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _read_union(arguments, value, where)
    if origin is tuple and isinstance(value, list):
        return tuple(read_as(arguments[0], item, f"{where}[{index}]") for index, item in enumerate(value))
    if origin is dict and isinstance(value, dict):
        names, values = arguments
        return {read_as(names, name, where): read_as(values, item, f"{where}.{name}") for name, item in value.items()}
    if origin is not None:
        raise _unlike(where, "a list" if origin is tuple else "an object", value)
    if is_dataclass(hint):
        return read(hint, value, where)  # type: ignore[arg-type]
    return _read_scalar(hint, value, where)


def _read_union(choices: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and NoneType in choices:
        return None
    *others, last = [choice for choice in choices if choice is not NoneType]
    for choice in others:
        if choice in SCALARS and isinstance(value, choice):
            return read_as(choice, value, where)
    return read_as(last, value, where)


SCALARS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def _read_scalar(hint: type, value: Any, where: str) -> Any:
    if issubclass(hint, StrEnum):
        if value not in list(hint):
            raise _unlike(where, " or ".join(hint), value)
        return hint(value)
    accepted: Any = (int, float) if hint is float else hint
    if not isinstance(value, accepted) or (isinstance(value, bool) and hint is not bool):
        raise _unlike(where, SCALARS[hint], value)
    if hint is float and not abs(value) < 1e300 or hint is int and not abs(value) < 1 << 63:
        raise _unlike(where, "a smaller number", value)
    if hint is str and not can_be_a_name(value):
        raise _unlike(where, "a text without null characters or lone surrogates", value)
    return float(value) if hint is float else value


def _unlike(where: str, wanted: str, value: Any) -> ProtocolError:
    return ProtocolError(Kind.INVALID_PARAMS, f"{where} is {json.dumps(value):.80}.", f"It must be {wanted}.")
