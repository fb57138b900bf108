"""Stereolithography, .stl, binary or text: three vertices per triangle, none shared."""

import struct

import numpy as np

from .reading import Surface, plain

HEADER = 84
FACET = np.dtype([("normal", "<f4", 3), ("vertices", "<f4", (3, 3)), ("more", "<u2")])


def read_stl(data: bytes) -> Surface:
    """Read the surface of a binary or text file.

    A file that is at least as long as its binary header says is binary, even if it begins like text. A text file may
    contain several solids.
    """
    count = struct.unpack_from("<I", data, HEADER - 4)[0] if len(data) >= HEADER else 0
    if count and len(data) >= HEADER + FACET.itemsize * count:
        vertices = np.frombuffer(data, FACET, count, HEADER)["vertices"].reshape(-1, 3)
    else:
        vertices = _read_text(plain(data).decode("utf-8", "replace").rstrip("\0 \t\r\n"))
    return vertices, np.arange(len(vertices)).reshape(-1, 3)


def _read_text(text: str) -> np.ndarray:
    """Return the vertices (3F, 3); only the first word of a line is a keyword, so a solid may have any name."""
    vertices: list[list[float]] = []
    keyword = ""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        keyword = words[0].lower() if words else keyword
        if words and keyword == "vertex":
            vertices.append(_point(words[1:4], number))
        elif keyword == "endloop" and len(vertices) % 3:
            raise ValueError(f"line {number}: a facet is not a triangle")
    if not keyword.startswith("endsolid"):
        raise ValueError("it does not end with endsolid")
    return np.array(vertices, np.float64).reshape(-1, 3)


def _point(words: list[str], line: int) -> list[float]:
    if len(words) != 3:
        raise ValueError(f"line {line}: a vertex has {len(words)} numbers")
    return list(map(float, words))
