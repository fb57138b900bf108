"""A .glb as JSON and bytes: read its accessors, and write others in their place.

Bytes that no accessor needs any more are left out; everything else stays where its number says it is.
Specification: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

import json
import struct
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

MAGIC, JSON_CHUNK, BINARY_CHUNK = 0x46546C67, 0x4E4F534A, 0x004E4942
KINDS = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
CODES = {"i1": 5120, "<i2": 5122, "<f4": 5126}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
VERTEX_BUFFER = 34962
LARGEST_GLB = 2**32 - 1


class Container:
    """A .glb with one buffer, as the backend and Blender's exporter write them.

    Args:
        data: the file.
        kept_views: so many views stay as they are, because parts of the file that are not understood may name them.
    Raises:
        ValueError, KeyError, struct.error: it is no such file.
    """

    def __init__(self, data: bytes, kept_views: int = 0) -> None:
        magic, version, _length = struct.unpack_from("<III", data)
        if (magic, version) != (MAGIC, 2):
            raise ValueError("not a .glb")
        chunks = list(_chunks(data))
        self.json: dict[str, Any] = json.loads(chunks[0][1])
        self.others = [chunk for chunk in chunks[1:] if chunk[0] != BINARY_CHUNK]
        self.binary = next((bytearray(content) for kind, content in chunks if kind == BINARY_CHUNK), bytearray())
        self.views: list[dict[str, Any]] = self.json.setdefault("bufferViews", [])
        self.accessors: list[dict[str, Any]] = self.json.setdefault("accessors", [])
        self._kept = kept_views
        self._lists: dict[bytes, int] = {}

    def array(self, accessor: int) -> np.ndarray:
        """Return an accessor's numbers (count, width) as stored, sparse ones filled in."""
        entry = self.accessors[accessor]
        kind, width = np.dtype(KINDS[entry["componentType"]]), WIDTHS[entry["type"]]
        values = np.zeros((entry["count"], width), kind)
        if "bufferView" in entry:
            values[:] = self._rows(entry, entry["count"], kind, width)
        if "sparse" in entry:
            sparse = entry["sparse"]
            places = self._rows(sparse["indices"], sparse["count"], np.dtype(KINDS[sparse["indices"]["componentType"]]))
            values[places[:, 0]] = self._rows(sparse["values"], sparse["count"], kind, width)
        return values

    def _rows(self, place: dict[str, Any], count: int, kind: np.dtype, width: int = 1) -> np.ndarray:
        view = self.views[place["bufferView"]]
        start = view.get("byteOffset", 0) + place.get("byteOffset", 0)
        strides = (view.get("byteStride", kind.itemsize * width), kind.itemsize)
        return np.ndarray((count, width), kind, self.binary, start, strides)

    def write(self, accessor: int, values: np.ndarray) -> None:
        """Put other numbers of the same type and count in the place of an accessor's; it must not be sparse."""
        entry = self.accessors[accessor]
        self._rows(entry, len(values), values.dtype, values.shape[1])[:] = values
        entry |= _bounds(values)

    def vectors(self, values: np.ndarray) -> dict[str, Any]:
        """Return an accessor of a morph target's numbers (n, 3), in the shortest form.

        All of them are stored as sparse ones, too: a list of all vertices is shared by all targets, and numbers in
        sparse form need no padding.
        """
        entry = {"componentType": CODES[_name(values.dtype)], "count": len(values), "type": "VEC3"} | _bounds(values)
        if values.dtype.kind != "f":
            entry["normalized"] = True
        moved = np.flatnonzero(values.any(axis=1))
        if not len(moved):
            return entry
        kind = np.dtype("<u2" if len(values) <= 2**16 else "<u4")
        if len(moved) * (values.dtype.itemsize * 3 + kind.itemsize) >= values.nbytes:
            moved = np.arange(len(values))
        if len(moved) == len(values) and values.dtype.kind == "f":
            return entry | {"bufferView": self.add_view(values.tobytes(), byteStride=12, target=VERTEX_BUFFER)}
        places, numbers = self._list(moved.astype(kind)), self.add_view(values[moved].tobytes())
        indices = {"bufferView": places, "componentType": 5123 if kind.itemsize == 2 else 5125}
        return entry | {"sparse": {"count": len(moved), "indices": indices, "values": {"bufferView": numbers}}}

    def _list(self, places: np.ndarray) -> int:
        """Return the view of a list of vertices; equal lists share one."""
        data = places.tobytes()
        if data not in self._lists:
            self._lists[data] = self.add_view(data)
        return self._lists[data]

    def matrices(self, values: np.ndarray) -> dict[str, Any]:
        """Return an accessor of float32 matrices (n, 16), by columns."""
        values = values.astype("<f4")
        view = self.add_view(values.tobytes())
        return {"bufferView": view, "componentType": 5126, "count": len(values), "type": "MAT4"}

    def add_view(self, data: bytes, **properties: int) -> int:
        self.binary.extend(bytes(-len(self.binary) % 4))
        self.views.append({"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(data), **properties})
        self.binary.extend(data)
        return len(self.views) - 1

    def add_accessor(self, entry: dict[str, Any]) -> int:
        self.accessors.append(entry)
        return len(self.accessors) - 1

    def require(self, extension: str) -> None:
        """Say that readers need an extension."""
        for name in ("extensionsUsed", "extensionsRequired"):
            listed = self.json.setdefault(name, [])
            if extension not in listed:
                listed.append(extension)

    def to_glb(self) -> bytes:
        """Return the file, without the bytes that nothing names."""
        self._sweep()
        if self.binary:
            self.json["buffers"] = [{**self.json.get("buffers", [{}])[0], "byteLength": len(self.binary)}]
        for name in [name for name in ("bufferViews", "accessors", "buffers") if not self.json.get(name)]:
            self.json.pop(name, None)
        chunks = chunks_of(self.json, self.binary, self.others)
        return b"".join([struct.pack("<III", MAGIC, 2, 12 + sum(map(len, chunks))), *chunks])

    def _sweep(self) -> None:
        """Leave out the views that nothing names; bytes before the first of them do not move."""
        named = {place["bufferView"] for place in _places(self.json)}
        gone = [index for index in range(self._kept, len(self.views)) if index not in named]
        if not gone:
            return
        cut = min(self.views[index].get("byteOffset", 0) for index in gone)
        old, self.binary, number = self.binary, self.binary[:cut], {}
        left: list[dict[str, Any]] = []
        for index, view in enumerate(self.views):
            if index in gone:
                continue
            number[index] = len(left)
            start, length = view.get("byteOffset", 0), view["byteLength"]
            if start + length > cut:
                self.binary.extend(bytes(-len(self.binary) % 4))
                view["byteOffset"] = len(self.binary)
                self.binary.extend(old[start : start + length])
            left.append(view)
        self.views[:] = left
        for place in _places(self.json):
            place["bufferView"] = number.get(place["bufferView"], place["bufferView"])


def _places(whole: Any) -> Iterator[dict[str, Any]]:
    """Yield everything in the JSON that names a view."""
    waiting = [whole]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if isinstance(part.get("bufferView"), int):
                yield part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)


def _name(kind: np.dtype) -> str:
    return next(name for name in CODES if np.dtype(name) == kind)


def _bounds(values: np.ndarray) -> dict[str, Any]:
    return {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}


def _chunks(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 12
    while offset + 8 <= len(data):
        size, kind = struct.unpack_from("<II", data, offset)
        yield kind, data[offset + 8 : offset + 8 + size]
        offset += 8 + size


def chunks_of(gltf: dict[str, Any], binary: bytearray, others: Iterable[tuple[int, bytes]]) -> list[bytes]:
    """Return the chunks of a .glb; `others` are kinds and contents of those that are neither JSON nor the buffer."""
    text = json.dumps(gltf, separators=(",", ":"), allow_nan=False).encode()
    chunks = [_chunk(JSON_CHUNK, text, b" ")]
    chunks += [_chunk(BINARY_CHUNK, binary, b"\0")] if binary else []
    return chunks + [_chunk(kind, content, b"\0") for kind, content in others]


def _chunk(kind: int, data: bytes | bytearray, filler: bytes) -> bytes:
    padding = filler * (-len(data) % 4)
    return struct.pack("<II", min(len(data) + len(padding), LARGEST_GLB), kind) + data + padding
