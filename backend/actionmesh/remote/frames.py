"""Frames on a pipe: one line of JSON with the kind, the number and the facts, then as many bytes as it says."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

MOST_HEADER, MOST_PAYLOAD = 1 << 16, 1 << 26
CONTROL = 0
"""The number of frames that concern the line itself, and are not sent again on another one."""


@dataclass(frozen=True)
class Frame:
    """One frame.

    Args:
        kind: what it is about.
        number: counts from 1 on each side, see `channel`; CONTROL for what concerns the line alone.
        facts: small JSON values.
        payload: bytes, such as a part of a file.
    """

    kind: str
    number: int = CONTROL
    facts: dict[str, Any] = field(default_factory=dict)
    payload: bytes = b""


def encode(frame: Frame) -> bytes:
    """Return a frame as bytes."""
    head = {"kind": frame.kind, "number": frame.number, "facts": frame.facts, "size": len(frame.payload)}
    return json.dumps(head, allow_nan=False).encode("ascii") + b"\n" + frame.payload


def read_frame(file: IO[bytes]) -> Frame | None:
    """Return the next frame, or None at the end of the file, also within a frame.

    Raises:
        ValueError: what arrives is not a frame.
    """
    line = file.readline(MOST_HEADER)
    if not line.endswith(b"\n"):
        if len(line) == MOST_HEADER:
            raise ValueError("the head of a frame is too long")
        return None
    head = json.loads(line)
    if not isinstance(head, dict) or not _is_sound(head):
        raise ValueError(f"{line[:80]!r} is not the head of a frame")
    payload = file.read(head["size"])
    return Frame(head["kind"], head["number"], head["facts"], payload) if len(payload) == head["size"] else None


def _is_sound(head: dict[str, Any]) -> bool:
    kinds = {"kind": str, "number": int, "facts": dict, "size": int}
    typed = all(type(head.get(name)) is kind for name, kind in kinds.items())
    return typed and head["number"] >= 0 and 0 <= head["size"] <= MOST_PAYLOAD


def read_frames(file: IO[bytes]) -> Iterator[Frame]:
    """Yield frames until the file ends or breaks; raise ValueError as `read_frame`."""
    while True:
        try:
            frame = read_frame(file)
        except OSError:
            return
        if frame is None:
            return
        yield frame
