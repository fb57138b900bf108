"""Whether an mp4 or mov asks for its pictures to be mirrored.

Blender turns a video as its file asks, but never mirrors it.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

INSIDE = (b"moov", b"trak")
DEEPEST = 3
MATRIX_OF_VERSION = {0: 40, 1: 52}
"""Where the matrix of a track header begins, after the 4 bytes of its version."""


def is_mirrored(path: Path) -> bool:
    """Return whether the display matrix of one of the file's video tracks mirrors; False for other kinds of file."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            return any(map(_mirrors, _track_headers(file, 0, end, 0)))
    except (OSError, struct.error):
        return False


def _track_headers(file: BinaryIO, start: int, end: int, depth: int) -> Iterator[bytes]:
    while start + 8 <= end and depth < DEEPEST:
        file.seek(start)
        size, name = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1:
            size, header = struct.unpack(">Q", file.read(8))[0], 16
        size = end - start if size == 0 else size
        if size < header:
            return
        if name in INSIDE:
            yield from _track_headers(file, start + header, min(start + size, end), depth + 1)
        elif name == b"tkhd":
            yield file.read(min(size - header, 128))
        start += size


def _mirrors(header: bytes) -> bool:
    place = MATRIX_OF_VERSION.get(header[0] if header else -1)
    if place is None or len(header) < place + 44:
        return False
    a, b, _, c, d, *_, width, height = struct.unpack_from(">9i2I", header, place)
    return width > 0 < height and a * d - b * c < 0
