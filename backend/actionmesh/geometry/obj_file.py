"""Wavefront .obj: positions and faces, every vertex once; trimesh would split them at UV seams and drop loose ones."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from .polygons import cut_up
from .reading import Surface, plain

Corner = tuple[int, int | None, int | None]
"""A vertex, its `vt` and its `vn`, all counted from 0."""
CONTINUED = frozenset({"v", "vt", "vn", "f"})
"""Lines that a backslash continues; on other lines it may be the end of a folder's name."""


@dataclass
class ObjFile:
    """The parts of an .obj file that are read.

    Args:
        vertices: the numbers of each `v` line: three, followed by a colour or a weight if there are more.
        uv, normals: the two numbers of each `vt` line, the three of each `vn` line.
        polygons: the corners of each `f` line.
        materials: the `usemtl` name of each polygon; empty before the first `usemtl`.
        libraries: the files that `mtllib` names.
    """

    vertices: list[list[float]] = field(default_factory=list)
    uv: list[list[float]] = field(default_factory=list)
    normals: list[list[float]] = field(default_factory=list)
    polygons: list[list[Corner]] = field(default_factory=list)
    materials: list[str] = field(default_factory=list)
    libraries: list[str] = field(default_factory=list)

    def points(self) -> np.ndarray:
        """Return the positions, (V, 3) float64."""
        return np.array([vertex[:3] for vertex in self.vertices], np.float64).reshape(-1, 3)


def read_obj(data: bytes) -> Surface:
    """Read the surface of an .obj file: each `v` line is one vertex, regardless of `vt`, `vn`, groups and materials."""
    file = parse_obj(data)
    points = file.points()
    return points, cut_up([[corner[0] for corner in polygon] for polygon in file.polygons], points).faces


def parse_obj(data: bytes) -> ObjFile:
    """Read an .obj file.

    Raises:
        ValueError: a line has too few numbers or an invalid number; the message gives the line.
    """
    file, material = ObjFile(), ""
    for number, key, rest in _lines(data):
        try:
            if key == "v":
                file.vertices.append(_numbers(rest, 3))
            elif key == "vt":
                file.uv.append((_numbers(rest, 1) + [0.0])[:2])
            elif key == "vn":
                file.normals.append(_numbers(rest, 3)[:3])
            elif key == "f":
                file.polygons.append([_corner(word, file) for word in rest.split()])
                file.materials.append(material)
            elif key == "usemtl":
                material = rest.strip()
            elif key == "mtllib":
                file.libraries.append(rest.strip())
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
    return file


def _lines(data: bytes) -> Iterator[tuple[int, str, str]]:
    """Yield the number, keyword and rest of each line, without comments; a backslash at the end joins the next line."""
    text = plain(data).decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    held = ""
    for number, raw in enumerate(text.split("\n"), 1):
        line = held + raw.split("#", 1)[0].rstrip()
        held = ""
        key, _, rest = line.replace("\t", " ").strip().partition(" ")
        if line.endswith("\\") and key in CONTINUED:
            held = line[:-1] + " "
        elif key:
            yield number, key, rest


def _numbers(rest: str, least: int) -> list[float]:
    values = list(map(float, rest.split()))
    if len(values) < least:
        raise ValueError(f"{len(values)} numbers instead of {least}")
    return values


def _corner(word: str, file: ObjFile) -> Corner:
    """Parse `7`, `7/1`, `7//2` or `7/1/2`; each index counts from 1, or backwards from the last entry so far."""
    vertex, _, rest = word.partition("/")
    at = _counted(vertex, len(file.vertices))
    if at < 0:
        raise ValueError(f"a face refers to vertex {vertex}")
    if not rest:
        return at, None, None
    uv, _, normal = rest.partition("/")
    return at, _counted(uv, len(file.uv)) if uv else None, _counted(normal, len(file.normals)) if normal else None


def _counted(word: str, so_far: int) -> int:
    """Return an index counted from 0; negative if the file's number is invalid."""
    number = int(word)
    return number - 1 if number > 0 else so_far + number if number else -1
