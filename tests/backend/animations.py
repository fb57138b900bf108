"""Animated pictures written by hand, with every disposal that GIF and APNG know, and what browsers show."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CLEAR = np.zeros(4, np.uint8)
KEEP, BACKGROUND, PREVIOUS = range(3)
PALETTE = np.array([(250, 250, 250), (220, 30, 30), (30, 200, 30), (30, 30, 220)], np.uint8)
"""The first is the screen's background colour."""


@dataclass(frozen=True)
class Part:
    """A picture within an animation.

    Args:
        colours: (h, w) numbers in PALETTE; -1 is transparent.
        left, top: where it lies.
        then: what replaces it afterwards: KEEP, BACKGROUND or PREVIOUS.
        over: drawn over what is there; otherwise instead of it (APNG only).
    """

    colours: np.ndarray
    left: int = 0
    top: int = 0
    then: int = KEEP
    over: bool = True

    @property
    def rgba(self) -> np.ndarray:
        opaque = np.concatenate([PALETTE, np.full((len(PALETTE), 1), 255, np.uint8)], axis=1)
        return np.concatenate([opaque, CLEAR[None]])[self.colours]


def shown(parts: Sequence[Part], width: int, height: int) -> list[np.ndarray]:
    """Return the pictures that a browser shows, (H, W, 4) uint8 each."""
    canvas, pictures = np.zeros((height, width, 4), np.uint8), []
    for part in parts:
        before = canvas.copy()
        rows, columns = part.colours.shape
        place = canvas[part.top : part.top + rows, part.left : part.left + columns]
        drawn = part.rgba[: place.shape[0], : place.shape[1]]
        place[...] = np.where(drawn[..., 3:] > 0, drawn, place) if part.over else drawn
        pictures.append(canvas.copy())
        if part.then == BACKGROUND:
            place[...] = 0
        elif part.then == PREVIOUS:
            canvas = before
    return pictures


def gif(parts: Sequence[Part], width: int, height: int, disposals: Sequence[int] | None = None) -> bytes:
    """Return a GIF that shows each picture for 100 milliseconds.

    `disposals` are the format's numbers, where they differ from those of the parts.
    """
    data = b"GIF89a" + struct.pack("<HHBBB", width, height, 0b10000010, 0, 0) + PALETTE.tobytes() + bytes(12)
    for number, part in enumerate(parts):
        disposal = disposals[number] if disposals is not None else (1, 2, 3)[part.then]
        transparent = int((part.colours < 0).any())
        rows, columns = part.colours.shape
        data += b"!\xf9\x04" + struct.pack("<BHB", disposal << 2 | transparent, 10, 7) + b"\0"
        data += b"," + struct.pack("<HHHHB", part.left, part.top, columns, rows, 0)
        data += _coded(np.where(part.colours < 0, 7, part.colours).ravel())
    return data + b";"


def _coded(values: np.ndarray, bits: int = 3) -> bytes:
    """Code GIF's LZW without compression: the table is cleared before it grows."""
    clear, codes = 1 << bits, []
    for place, value in enumerate(values.tolist()):
        codes += ([clear] if place % (clear - 2) == 0 else []) + [value]
    stream = sum(code << (bits + 1) * place for place, code in enumerate([*codes, clear + 1]))
    packed = stream.to_bytes(((len(codes) + 1) * (bits + 1) + 7) // 8, "little")
    blocks = [packed[start : start + 255] for start in range(0, len(packed), 255)]
    return bytes([bits]) + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def apng(
    parts: Sequence[Part], width: int, height: int, hidden: Part | None = None, claimed: int | None = None
) -> bytes:
    """Return an APNG that shows each picture for 100 milliseconds.

    Only a reader without APNG support shows `hidden`; `claimed` is the number in the header.
    """
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    data += chunk(b"acTL", struct.pack(">II", len(parts) if claimed is None else claimed, 0))
    sequence = 0
    if hidden is not None:
        data += chunk(b"IDAT", _rows(hidden))
    for number, part in enumerate(parts):
        rows, columns = part.colours.shape
        control = struct.pack(">IIIIIHHBB", sequence, columns, rows, part.left, part.top, 1, 10, part.then, part.over)
        data += chunk(b"fcTL", control)
        sequence += 1
        if number == 0 and hidden is None:
            data += chunk(b"IDAT", _rows(part))
        else:
            data += chunk(b"fdAT", struct.pack(">I", sequence) + _rows(part))
            sequence += 1
    return data + chunk(b"IEND", b"")


def _rows(part: Part) -> bytes:
    return zlib.compress(b"".join(b"\0" + row.tobytes() for row in part.rgba))
