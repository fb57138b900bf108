"""The plain formats, .obj, .ply and .stl: positions and faces, every vertex once, in the file's order.

Libraries were weighed and refused: plyfile refuses comments outside ASCII and int64; trimesh reads no binary .ply with
mixed polygons, splits the vertices of an .obj at UV seams and drops loose ones, and takes a binary .stl with a trailing
byte for text. All parsers raise ValueError, LookupError or struct.error if the data is damaged or ends too early.
"""

import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from ..intake import check_span
from .polygons import Triangles, cut_up
from .reading import Surface, plain

Corner = tuple[int, int | None, int | None]
"""A vertex of an .obj file, its `vt` and its `vn`, all counted from 0."""
CONTINUED = frozenset({"v", "vt", "vn", "f"})
"""Lines that a backslash continues; on other lines it may be the end of a folder's name."""

PLY_CODES = dict(char="i1", uchar="u1", short="i2", ushort="u2", int="i4", uint="u4", float="f4", double="f8")
PLY_CODES |= dict(int8="i1", uint8="u1", int16="i2", uint16="u2", int32="i4", uint32="u4", float32="f4", float64="f8")
PLY_CODES |= dict(int64="i8", uint64="u8")
PLY_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">"}
CORNERS = ("vertex_indices", "vertex_index")
LARGEST_INDEX = 2**31
Column = np.ndarray | list
"""The values of a property: (rows,) numbers, (rows, size) for lists of equal length, or a list of lists."""

STL_HEADER = 84
FACET = np.dtype([("normal", "<f4", 3), ("vertices", "<f4", (3, 3)), ("more", "<u2")])


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


@dataclass(frozen=True)
class PlyFile:
    """The content of a .ply file.

    Args:
        columns: each element's properties, by name.
        kinds: the types of each element's properties, such as "uchar".
        picture: the texture that a `TextureFile` comment names, as MeshLab writes it.
    """

    columns: dict[str, dict[str, Column]]
    kinds: dict[str, dict[str, str]]
    picture: str | None

    def points(self) -> np.ndarray:
        """Return the positions, (V, 3) float64."""
        vertex = self.columns["vertex"]
        return np.stack([np.asarray(vertex[axis], np.float64) for axis in "xyz"], axis=1)

    def triangles(self) -> Triangles:
        face = self.columns.get("face", {})
        return cut_up(next((_whole(face[name]) for name in CORNERS if name in face), []), self.points())


def read_obj(data: bytes) -> Surface:
    """Read the surface of an .obj file: each `v` line is one vertex, regardless of `vt`, `vn`, groups and materials."""
    file = parse_obj(data)
    points = file.points()
    return points, cut_up([[corner[0] for corner in polygon] for polygon in file.polygons], points).faces


def read_ply(data: bytes) -> Surface:
    """Read the surface of an ASCII or binary file; all other elements and properties are ignored."""
    file = parse_ply(data)
    return file.points(), file.triangles().faces


def read_stl(data: bytes) -> Surface:
    """Read the surface of a stereolithography file, binary or text: three vertices per triangle, none shared.

    A file that is at least as long as its binary header says is binary, even if it begins like text. A text file may
    contain several solids.
    """
    count = struct.unpack_from("<I", data, STL_HEADER - 4)[0] if len(data) >= STL_HEADER else 0
    if count and len(data) >= STL_HEADER + FACET.itemsize * count:
        vertices = np.frombuffer(data, FACET, count, STL_HEADER)["vertices"].reshape(-1, 3)
    else:
        vertices = _vertices_of_text(plain(data).decode("utf-8", "replace").rstrip("\0 \t\r\n"))
    return vertices, np.arange(len(vertices)).reshape(-1, 3)


def _vertices_of_text(text: str) -> np.ndarray:
    """Return a text's vertices (3F, 3); only the first word of a line is a keyword, so a solid may have any name."""
    vertices: list[list[float]] = []
    keyword = ""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        keyword = words[0].lower() if words else keyword
        if words and keyword == "vertex":
            if len(words) < 4:
                raise ValueError(f"line {number}: a vertex has {len(words) - 1} numbers")
            vertices.append(list(map(float, words[1:4])))
        elif keyword == "endloop" and len(vertices) % 3:
            raise ValueError(f"line {number}: a facet is not a triangle")
    if not keyword.startswith("endsolid"):
        raise ValueError("it does not end with endsolid")
    return np.array(vertices, np.float64).reshape(-1, 3)


def parse_obj(data: bytes) -> ObjFile:
    """Read an .obj file.

    Raises:
        ValueError: a line has too few numbers or an invalid number; the message gives the line.
    """
    file, material = ObjFile(), ""
    for number, key, rest in _obj_lines(data):
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


def _obj_lines(data: bytes) -> Iterator[tuple[int, str, str]]:
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
    uv, _, normal = rest.partition("/")
    at = _counted(vertex, len(file.vertices))
    if at < 0:
        raise ValueError(f"a face refers to vertex {vertex}")
    return at, _counted(uv, len(file.uv)) if uv else None, _counted(normal, len(file.normals)) if normal else None


def _counted(word: str, so_far: int) -> int:
    """Return an index counted from 0; negative if the file's number is invalid."""
    number = int(word)
    return number - 1 if number > 0 else so_far + number if number else -1


@dataclass(frozen=True)
class Element:
    """An element of a .ply header; its properties are [type, name] or ["list", type of count, type, name]."""

    name: str
    count: int
    properties: list[list[str]]


def parse_ply(data: bytes) -> PlyFile:
    """Read all elements of an ASCII or binary .ply file."""
    data = plain(data)
    end = re.search(rb"^end_header[ \t]*\r?\n", data, re.MULTILINE)
    if not data.startswith(b"ply") or end is None:
        raise ValueError("it has no ply header")
    header = data[: end.start()].decode("utf-8", "replace").splitlines()
    lines = [line.split() for line in header]
    [form] = [line[1] for line in lines if line[:1] == ["format"]]
    body = data[end.end() :]
    reader = _Words(body) if form == "ascii" else _Bytes(body, PLY_ORDERS[form])
    elements = _elements(lines)
    columns = {each.name: _columns(each, reader) for each in elements}
    kinds = {each.name: {kind[-1]: kind[-2] for kind in each.properties} for each in elements}
    comments = (re.fullmatch(r"comment\s+TextureFile\s+(.*\S)\s*", line) for line in header)
    return PlyFile(columns, kinds, next((found[1] for found in comments if found), None))


def _elements(lines: list[list[str]]) -> list[Element]:
    elements: list[Element] = []
    for line in lines:
        if line[:1] == ["element"]:
            elements.append(Element(line[1], int(line[2]), []))
        elif line[:1] == ["property"]:
            elements[-1].properties.append(line[1:])
    return elements


class _Bytes:
    """Reads the numbers of a binary file in order."""

    def __init__(self, data: bytes, order: str):
        self._data, self.start, self.end = data, 0, len(data)
        self.types = {kind: np.dtype(order + code) for kind, code in PLY_CODES.items()}

    def table(self, row: np.dtype, count: int, what: str = "an element") -> np.ndarray:
        """Read `count` rows of one type."""
        check_span(what, self.start, count, row.itemsize, row.itemsize, self.end)
        start, self.start = self.start, self.start + row.itemsize * count
        return np.frombuffer(self._data, row, count, start)

    def take(self, kind: np.dtype, count: int) -> list:
        """Read `count` numbers of one type."""
        return self.table(kind, count, "a list").tolist()


class _Words:
    """Reads the numbers of an ASCII file in order, all as float64."""

    def __init__(self, data: bytes):
        self._words, self.start = data.split(), 0
        self.end = len(self._words)
        self.types = dict.fromkeys(PLY_CODES, np.dtype(np.float64))

    def table(self, row: np.dtype, count: int) -> np.ndarray:
        return np.array(self.take(row, count * row.itemsize // 8), np.float64).view(row)

    def take(self, kind: np.dtype, count: int) -> list:
        check_span("a list", self.start, count, 1, 1, self.end)
        start, self.start = self.start, self.start + count
        return [float(word) for word in self._words[start : self.start]]


def _columns(element: Element, reader: _Bytes | _Words) -> dict[str, Column]:
    """Read an element's properties; an element without properties takes no data, however many rows it claims."""
    if not element.properties:
        return {}
    left = reader.end - reader.start
    if not 0 <= element.count <= left:
        raise ValueError(
            f"element {element.name} has {element.count} rows, but the file has only {left} bytes or words left"
        )
    if all(kind[0] != "list" for kind in element.properties):
        return _table(element, reader, [1] * len(element.properties))
    start = reader.start
    if element.count:
        sizes = [np.size(value) for value in _row(element, reader)]
        reader.start = start
        with suppress(ValueError):
            return _table(element, reader, sizes)
        reader.start = start
    rows = [_row(element, reader) for _ in range(element.count)]
    return {kind[-1]: [row[k] for row in rows] for k, kind in enumerate(element.properties)}


def _table(element: Element, reader: _Bytes | _Words, sizes: list[int]) -> dict[str, Column]:
    """Read all rows at once, which is much faster than one by one.

    Args:
        sizes: the length of each property's lists; 1 for a number.
    Raises:
        ValueError: a list has another length, or the file ends too early.
    """
    fields: list[tuple] = []  # numbered, because two properties may have one name
    for k, (kind, size) in enumerate(zip(element.properties, sizes, strict=True)):
        if kind[0] == "list":
            fields += [(f"size {k}", reader.types[kind[1]]), (f"{k}", reader.types[kind[2]], (size,))]
        else:
            fields.append((f"{k}", reader.types[kind[0]]))
    rows = reader.table(np.dtype(fields), element.count)
    if any((rows[f"size {k}"] != size).any() for k, size in enumerate(sizes) if element.properties[k][0] == "list"):
        raise ValueError("the lists have different lengths")
    return {kind[-1]: rows[f"{k}"] for k, kind in enumerate(element.properties)}


def _row(element: Element, reader: _Bytes | _Words) -> list:
    """Read one row: a number, or a list of numbers, for each property."""
    row: list = []
    for kind in element.properties:
        if kind[0] == "list":
            [size] = reader.take(reader.types[kind[1]], 1)
            row.append(reader.take(reader.types[kind[2]], _length(size)))
        else:
            row += reader.take(reader.types[kind[0]], 1)
    return row


def _length(number: float) -> int:
    if not 0 <= number < LARGEST_INDEX or number != int(number):
        raise ValueError(f"a list has {number} values")
    return int(number)


def _whole(corners: Column) -> Column:
    """Return corners as whole numbers; an ASCII file may write them as floats."""
    if isinstance(corners, np.ndarray):
        return _as_indices(corners)
    return [_as_indices(np.asarray(row)).tolist() for row in corners]


def _as_indices(numbers: np.ndarray) -> np.ndarray:
    if numbers.dtype.kind == "f" and not (np.isfinite(numbers).all() and (numbers == np.floor(numbers)).all()):
        raise ValueError("a face refers to a vertex by a number that is not whole")
    if numbers.size and (numbers.min() < -LARGEST_INDEX or numbers.max() >= LARGEST_INDEX):
        raise ValueError(f"a face refers to vertex {int(numbers.max())}")
    return numbers.astype(np.int64)
