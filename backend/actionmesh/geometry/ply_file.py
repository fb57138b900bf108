"""Polygon files, .ply, ASCII or binary; trimesh reads no binary ones of mixed polygons."""

import re
import struct
from collections.abc import Callable

import numpy as np

from .reading import Surface, fans

PLY_CODES = dict(char="b", uchar="B", short="h", ushort="H", int="i", uint="I", float="f", double="d")
PLY_CODES |= dict(int8="b", uint8="B", int16="h", uint16="H", int32="i", uint32="I", float32="f", float64="d")
PLY_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">"}


def read_ply(data: bytes) -> Surface:
    """ASCII or binary, with any other elements and properties between the ones that matter."""
    rows = _rows(data)
    polygons = [row.get("vertex_indices", row.get("vertex_index")) for row in rows.get("face", [])]
    return np.array([(row["x"], row["y"], row["z"]) for row in rows["vertex"]]).reshape(-1, 3), fans(polygons)


def read_ply_faces(data: bytes) -> list[dict]:
    """The properties of each polygon by name; those that are lists are tuples."""
    return _rows(data).get("face", [])


def _rows(data: bytes) -> dict[str, list[dict]]:
    """Each element's rows."""
    end = re.search(rb"^end_header[ \t]*\r?\n", data, re.MULTILINE)
    if not data.startswith(b"ply") or end is None:
        raise ValueError("no ply header")
    lines = [line.split() for line in data[: end.start()].decode("ascii", "replace").splitlines()]
    [form] = [line[1] for line in lines if line[:1] == ["format"]]
    take = _ascii_taker(data[end.end() :]) if form == "ascii" else _binary_taker(data, end.end(), PLY_ORDERS[form])
    return {name: _ply_rows(properties, count, take) for name, count, properties in _ply_elements(lines)}


def _ply_elements(lines: list[list[str]]) -> list[tuple[str, int, list[list[str]]]]:
    """Name, number of rows and properties of each element: [type, name] or ["list", type of count, type, name]."""
    elements: list[tuple[str, int, list[list[str]]]] = []
    for line in lines:
        if line[:1] == ["element"]:
            elements.append((line[1], int(line[2]), []))
        elif line[:1] == ["property"]:
            elements[-1][2].append(line[1:])
    return elements


def _ply_rows(properties: list[list[str]], count: int, take: Callable[[str], tuple]) -> list[dict]:
    names = [each[-1] for each in properties]
    if all(each[0] != "list" for each in properties):
        codes = "".join(PLY_CODES[each[0]] for each in properties)
        return [dict(zip(names, take(codes), strict=True)) for _ in range(count)]
    return [{each[-1]: _ply_value(each, take) for each in properties} for _ in range(count)]


def _ply_value(kind: list[str], take: Callable[[str], tuple]) -> float | tuple:
    if kind[0] != "list":
        return take(PLY_CODES[kind[0]])[0]
    (length,) = take(PLY_CODES[kind[1]])
    return take(f"{int(length)}{PLY_CODES[kind[2]]}")


def _binary_taker(data: bytes, start: int, order: str) -> Callable[[str], tuple]:
    """A function that gives the next numbers of the file, for codes of `struct`."""

    def take(codes: str) -> tuple:
        nonlocal start
        values = struct.unpack_from(order + codes, data, start)
        start += struct.calcsize(order + codes)
        return values

    return take


def _ascii_taker(body: bytes) -> Callable[[str], tuple]:
    words, start = body.split(), 0

    def take(codes: str) -> tuple:
        nonlocal start
        count = int(codes[:-1]) if codes[:-1].isdigit() else len(codes)
        if count > len(words) - start:
            raise ValueError("it ends too early")
        start += count
        return tuple(map(float, words[start - count : start]))

    return take
