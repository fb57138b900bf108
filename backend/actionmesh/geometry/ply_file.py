"""Polygon files, .ply, ASCII or binary; trimesh does not read binary files with mixed polygons."""

import re
from dataclasses import dataclass

import numpy as np

from ..intake import check_span
from .polygons import Triangles, cut_up
from .reading import Surface, plain

PLY_CODES = dict(char="i1", uchar="u1", short="i2", ushort="u2", int="i4", uint="u4", float="f4", double="f8")
PLY_CODES |= dict(int8="i1", uint8="u1", int16="i2", uint16="u2", int32="i4", uint32="u4", float32="f4", float64="f8")
PLY_CODES |= dict(int64="i8", uint64="u8")
PLY_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">"}
CORNERS = ("vertex_indices", "vertex_index")
LARGEST_INDEX = 2**31
LONGEST_EVEN = 32
"""The longest list, in corners or numbers, that is read as a table."""

Column = np.ndarray | list
"""The values of a property: (rows,) numbers, (rows, size) for lists of equal length, or a list of lists."""


@dataclass(frozen=True)
class Element:
    """An element of the header; its properties are [type, name] or ["list", type of count, type, name]."""

    name: str
    count: int
    properties: list[list[str]]


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


def read_ply(data: bytes) -> Surface:
    """Read the surface of an ASCII or binary file; all other elements and properties are ignored."""
    file = parse_ply(data)
    return file.points(), file.triangles().faces


def parse_ply(data: bytes) -> PlyFile:
    """Read a .ply file.

    Raises:
        ValueError, LookupError, struct.error: the data is not a .ply file, or ends too early.
    """
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
        self._data, self.start = data, 0
        self._types = {code: np.dtype(order + code) for code in PLY_CODES.values()}

    @property
    def left(self) -> int:
        return len(self._data) - self.start

    def table(self, count: int, codes: list[str]) -> list[np.ndarray]:
        """Read `count` rows and return their columns."""
        row = np.dtype([(str(k), self._types[code]) for k, code in enumerate(codes)])
        check_span("an element", self.start, count, row.itemsize, row.itemsize, len(self._data))
        rows = np.frombuffer(self._data, row, count, self.start)
        self.start += row.itemsize * count
        return [rows[str(k)] for k in range(len(codes))]

    def take(self, code: str, count: int) -> list:
        """Read `count` numbers of one type."""
        kind = self._types[code]
        check_span("a list", self.start, count, kind.itemsize, kind.itemsize, len(self._data))
        values = np.frombuffer(self._data, kind, count, self.start)
        self.start += kind.itemsize * count
        return values.tolist()


class _Words:
    """Reads the numbers of an ASCII file in order."""

    def __init__(self, data: bytes):
        self._words, self.start = data.split(), 0

    @property
    def left(self) -> int:
        return len(self._words) - self.start

    def table(self, count: int, codes: list[str]) -> list[np.ndarray]:
        numbers = np.array(self.take("f8", count * len(codes)), np.float64)
        return list(numbers.reshape(count, len(codes)).T)

    def take(self, code: str, count: int) -> list:
        check_span("a list", self.start, count, 1, 1, len(self._words))
        self.start += count
        return [float(word) for word in self._words[self.start - count : self.start]]


def _columns(element: Element, reader: _Bytes | _Words) -> dict[str, Column]:
    """Read an element's properties; an element without properties takes no data, however many rows it claims."""
    names = [each[-1] for each in element.properties]
    if not names:
        return {}
    if element.count < 0 or element.count > reader.left:
        raise ValueError(
            f"element {element.name} has {element.count} rows, but the file has only {reader.left} bytes or words left"
        )
    if all(each[0] != "list" for each in element.properties):
        codes = [PLY_CODES[each[0]] for each in element.properties]
        return dict(zip(names, reader.table(element.count, codes), strict=True))
    return _even(element, reader) or _uneven(element, reader)


def _even(element: Element, reader: _Bytes | _Words) -> dict[str, Column] | None:
    """Read the rows as a table if all lists are as long as the first row's; otherwise return None and read nothing."""
    start = reader.start
    if not element.count:
        return None
    sizes = [len(value) if isinstance(value, list) else 0 for value in _row(element, reader)]
    reader.start = start
    if max(sizes) > LONGEST_EVEN:
        return None
    codes = [code for each, size in zip(element.properties, sizes, strict=True) for code in _codes(each, size)]
    try:
        table = reader.table(element.count, codes)
    except ValueError:
        reader.start = start
        return None
    found: dict[str, Column] = {}
    for each, size in zip(element.properties, sizes, strict=True):
        head, *values = [table.pop(0) for _ in _codes(each, size)]
        if each[0] == "list" and not (head == size).all():
            reader.start = start
            return None
        found[each[-1]] = (
            np.stack(values, axis=1) if size else np.empty((element.count, 0)) if each[0] == "list" else head
        )
    return found


def _codes(kind: list[str], size: int) -> list[str]:
    return [PLY_CODES[kind[0]]] if kind[0] != "list" else [PLY_CODES[kind[1]], *[PLY_CODES[kind[2]]] * size]


def _uneven(element: Element, reader: _Bytes | _Words) -> dict[str, Column]:
    rows = [_row(element, reader) for _ in range(element.count)]
    columns = zip(*rows, strict=True) if rows else [()] * len(element.properties)
    return {each[-1]: list(column) for each, column in zip(element.properties, columns, strict=True)}


def _row(element: Element, reader: _Bytes | _Words) -> list:
    """Read one row: a number, or a list of numbers, for each property."""
    row = []
    for kind in element.properties:
        head = reader.take(PLY_CODES[kind[1] if kind[0] == "list" else kind[0]], 1)[0]
        row.append(reader.take(PLY_CODES[kind[2]], _length(head)) if kind[0] == "list" else head)
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
