"""The pictures in a GIF or an APNG: each is drawn over, or replaces, a box of a canvas, and has its own display time.

The result matches browsers. The canvas is transparent at first and where a picture is removed, and a picture meant only
for programs without APNG support is not part of the animation. Pillow receives each picture as a separate file.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import chain, islice
from typing import BinaryIO

PNG = b"\x89PNG\r\n\x1a\n"
GIF_THEN = {2: 1, 3: 2}
COMMON = (b"PLTE", b"tRNS", b"sBIT")
"""Chunks that all pictures of an APNG share."""


class Then(Enum):
    """What happens to a picture's box after its display time."""

    KEEP, BACKGROUND, PREVIOUS = range(3)


@dataclass(frozen=True)
class Part:
    """A picture in an animation.

    Args:
        data: a GIF or PNG file of this picture alone.
        box: (left, top, width, height) on the canvas.
        then: what happens to the box after this picture.
        over: True draws the picture over the canvas; False replaces the box.
        milliseconds: the display time in the file; browsers treat the shortest times differently.
    """

    data: bytes
    box: tuple[int, int, int, int]
    then: Then
    over: bool
    milliseconds: float


@dataclass(frozen=True)
class Animation:
    """The canvas (width, height), and the pictures in order, which are read from the file on demand."""

    canvas: tuple[int, int]
    parts: Iterator[Part]


def open_animation(file: BinaryIO) -> Animation | None:
    """Return the animation in a GIF or APNG file; None if it is neither. A GIF's first picture may enlarge the canvas.

    Raises (as `parts` does):
        EOFError: the file ends early.
        ValueError: the file is damaged, or is not what its first bytes say.
    """
    start = file.read(8)
    if start[:6] in (b"GIF87a", b"GIF89a"):
        file.seek(6)
        width, height, flags = struct.unpack("<HHBxx", _exactly(file, 7))
        parts = _gif_parts(file, _exactly(file, _palette_size(flags)), flags)
        first = list(islice(parts, 1))
        for left, top, across, down in (part.box for part in first):
            width, height = max(width, left + across), max(height, top + down)
        return Animation((width, height), chain(first, parts))
    if start != PNG:
        return None
    header = next(_chunks(file))
    if header[0] != b"IHDR" or len(header[1]) != 13:
        raise ValueError("no header")
    canvas, count = struct.unpack(">II", header[1][:8]), _count_in_header(file)
    return None if count is None else Animation(canvas, islice(_apng_parts(file, header[1][8:]), count))


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise EOFError("the file ends early")
    return data


def _palette_size(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _blocks(file: BinaryIO) -> bytes:
    """Return the bytes of a GIF's sub-blocks up to and including the empty one."""
    data = bytearray()
    while True:
        size = _exactly(file, 1)
        data += size + _exactly(file, size[0])
        if not size[0]:
            return bytes(data)


def _gif_parts(file: BinaryIO, palette: bytes, flags: int) -> Iterator[Part]:
    control = bytes(4)
    while (kind := file.read(1)) not in (b";", b""):  # some programs omit the trailer
        if kind == b"!":
            label, blocks = _exactly(file, 1), _blocks(file)
            if label == b"\xf9" and blocks[0] >= 4:
                control = blocks[1:5]
        elif kind == b",":
            left, top, width, height, own = struct.unpack("<HHHHB", _exactly(file, 9))
            image = _exactly(file, _palette_size(own)) + _exactly(file, 1) + _blocks(file)
            data = b"GIF89a" + struct.pack("<HHBBB", width, height, flags, 0, 0) + palette
            data += b"!\xf9\x04" + bytes([control[0] & 1, 0, 0, control[3]]) + b"\0"
            data += b"," + struct.pack("<HHHHB", 0, 0, width, height, own) + image + b";"
            then = Then(GIF_THEN.get(control[0] >> 2 & 7, 0))
            yield Part(data, (left, top, width, height), then, True, 10 * struct.unpack("<H", control[1:3])[0])
            control = bytes(4)
        elif kind != b"\0":  # padding
            raise ValueError(f"a block of kind {kind[0]}")


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield the names and contents of a PNG's chunks, up to its end."""
    name = b""
    while name != b"IEND":
        size, name = struct.unpack(">I4s", _exactly(file, 8))
        data = _exactly(file, size) if size < 2**31 else _exactly(file, -1)
        if struct.unpack(">I", _exactly(file, 4))[0] != zlib.crc32(name + data):
            raise ValueError(f"the chunk {name!r} is damaged")
        yield name, data


def _count_in_header(file: BinaryIO) -> int | None:
    """Return the number of pictures that an APNG declares; None for a still PNG. The file's position stays the same."""
    begin = file.tell()
    name, data = next((chunk for chunk in _chunks(file) if chunk[0] in (b"acTL", b"IDAT", b"IEND")), (b"", b""))
    file.seek(begin)
    return struct.unpack(">I", data[:4])[0] if name == b"acTL" and len(data) == 8 else None


def _apng_parts(file: BinaryIO, rest_of_header: bytes) -> Iterator[Part]:
    common, control, pixels = b"", b"", bytearray()
    for name, data in _chunks(file):
        if name in COMMON:
            common += _chunk(name, data)
        elif name == b"IDAT" and control:
            pixels += data
        elif name == b"fdAT" and control:
            pixels += data[4:]
        elif name in (b"fcTL", b"IEND"):
            if control:
                yield _apng_part(control, rest_of_header, common, bytes(pixels))
            control, pixels = data, bytearray()


def _apng_part(control: bytes, rest_of_header: bytes, common: bytes, pixels: bytes) -> Part:
    if len(control) != 26 or not pixels:
        raise ValueError("a picture without pixels")
    width, height, left, top, delay, per, then, over = struct.unpack(">4xIIIIHHBB", control)
    data = PNG + _chunk(b"IHDR", struct.pack(">II", width, height) + rest_of_header) + common
    data += _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")
    return Part(data, (left, top, width, height), Then(then), bool(over), 1000 * delay / (per or 100))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
