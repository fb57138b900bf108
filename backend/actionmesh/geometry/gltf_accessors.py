"""The values of a glTF file's accessors, checked against the available bytes before NumPy reads them.

Specification: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html, section 3.6
"""

from collections.abc import Callable

import numpy as np

from ..intake import check_span

COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}

Buffer = Callable[[int], bytes | bytearray]
"""Returns the bytes of a buffer by its index."""


def entry_of(gltf: dict, name: str, index: int) -> dict:
    """Return an entry of one of the file's lists; negative indices, which Python would accept, are refused.

    Raises:
        ValueError: there is no entry at `index`.
        TypeError: the entry is not an object.
    """
    entries = gltf.get(name, [])
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(entries):
        raise ValueError(f"it names {name}[{index}] of {len(entries)}")
    if not isinstance(entries[index], dict):
        raise TypeError(f"{name}[{index}] is not an object")
    return entries[index]


def read_accessor(gltf: dict, buffer: Buffer, index: int) -> np.ndarray:
    """Return the values of an accessor, sparse or not (section 3.6.2 of the specification).

    Args:
        gltf: the file's JSON.
        buffer: returns the bytes of a buffer by its index.
        index: the accessor's index.
    Returns:
        (count, width), a copy; normalised integers as float64 from -1 or 0 to 1 (section 3.11).
    Raises:
        ValueError, LookupError, TypeError: the accessor contradicts itself or points outside its view.
    """
    accessor = entry_of(gltf, "accessors", index)
    kind, width = np.dtype(COMPONENTS[accessor["componentType"]]), WIDTHS[accessor["type"]]
    what = f"accessors[{index}]"
    values = _values(gltf, buffer, accessor, accessor["count"], kind, width, what)
    if "sparse" in accessor:
        count, at, new = (accessor["sparse"][key] for key in ("count", "indices", "values"))
        rows = _values(gltf, buffer, at, count, np.dtype(COMPONENTS[at["componentType"]]), 1, f"{what}.sparse")[:, 0]
        if rows.dtype.kind != "u" or (len(rows) and rows.max() >= len(values)):
            raise ValueError(f"{what}.sparse refers to a value that does not exist")
        values[rows] = _values(gltf, buffer, new, count, kind, width, f"{what}.sparse")
    if accessor.get("normalized") and kind.kind in "iu":
        return np.maximum(values / np.float64(np.iinfo(kind).max), -1)
    return values


def _values(gltf: dict, buffer: Buffer, source: dict, count: int, kind: np.dtype, width: int, what: str) -> np.ndarray:
    """Return (count, width) numbers of a buffer view, which may be interleaved; zeros if there is no view."""
    size = kind.itemsize * width
    if "bufferView" not in source:
        _check_zeros(gltf, buffer, count, what)
        return np.zeros((count, width), kind)
    data, stride = view_of(gltf, buffer, source["bufferView"])
    start = source.get("byteOffset", 0)
    check_span(what, start, count, size, stride or size, len(data))
    return np.ndarray((count, width), kind, data, start, (stride or size, kind.itemsize)).copy()


def view_of(gltf: dict, buffer: Buffer, index: int) -> tuple[memoryview, int]:
    """Return the bytes of a buffer view and its stride, 0 if it has none.

    Raises:
        ValueError, LookupError, TypeError: the view points outside its buffer.
    """
    view = entry_of(gltf, "bufferViews", index)
    data, first, length = buffer(view["buffer"]), view.get("byteOffset", 0), view["byteLength"]
    check_span(f"bufferViews[{index}]", first, length, 1, 1, len(data))
    return memoryview(data)[first : first + length], view.get("byteStride", 0)


def _check_zeros(gltf: dict, buffer: Buffer, count: int, what: str) -> None:
    """Refuse more zeros than the file has bytes: their owner needs at least one byte for each."""
    there = sum(len(buffer(index)) for index in range(max(1, len(gltf.get("buffers", [])))))
    check_span(f"{what}, all zeros without a bufferView,", 0, count, 1, 1, there)
