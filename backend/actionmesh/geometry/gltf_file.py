"""A glTF 2.0 file as JSON, chunks, buffers, and the numbers behind its accessors; what they show is in `gltf_scene`.

Specification: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

import base64
import json
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from ..errors import MeshError
from .reading import read_bytes

MAGIC, JSON_CHUNK, BINARY_CHUNK = 0x46546C67, 0x4E4F534A, 0x004E4942
COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
COMPRESSIONS = {
    "KHR_draco_mesh_compression": "Draco",
    "EXT_meshopt_compression": "meshopt",
    "KHR_meshopt_compression": "meshopt",
}


class GltfFile:
    """A .glb or .gltf file, told apart by its content.

    Args:
        path: names the file in messages; relative references start in its folder.
        data: its bytes.
    Attributes:
        json: the JSON as parsed.
        other_chunks: (kind, bytes) of the chunks that are neither JSON nor the binary buffer.
    Raises:
        ValueError, LookupError, TypeError, struct.error: it is no glTF 2.0 file.
    """

    def __init__(self, path: Path, data: bytes):
        chunks = list(_chunks(data)) if data[:4] == struct.pack("<I", MAGIC) else [(JSON_CHUNK, data)]
        if chunks[0][0] != JSON_CHUNK:
            raise ValueError("the first chunk is not JSON")
        has_binary = len(chunks) > 1 and chunks[1][0] == BINARY_CHUNK
        self.path = path
        self.json = json.loads(chunks[0][1])
        self.other_chunks = chunks[2 if has_binary else 1 :]
        self._embedded = chunks[1][1] if has_binary else b""
        self._buffers: dict[int, bytes] = {}
        if not str(self.json["asset"]["version"]).startswith("2"):
            raise ValueError("not version 2")

    def array(self, index: int) -> np.ndarray:
        """The values of an accessor, as `read_accessor` has them.

        Raises:
            MeshError: they are compressed, or their buffer is a file that cannot be read.
        """
        accessor = self.json["accessors"][index]
        for holder in (accessor, *(accessor["sparse"][key] for key in ("indices", "values") if "sparse" in accessor)):
            view = self.json["bufferViews"][holder["bufferView"]] if "bufferView" in holder else {}
            self.refuse_compression(view.get("extensions", ()) if view else self.json.get("extensionsUsed", ()))
        return read_accessor(self.json, self.buffer, index)

    def buffer(self, index: int) -> bytes:
        """A buffer, from the binary chunk, a data URI or a file, without what pads it."""
        if index not in self._buffers:
            entry = self.json["buffers"][index]
            data = self.resolve(entry["uri"]) if "uri" in entry else self._embedded
            if len(data) < entry["byteLength"]:
                raise ValueError(f"buffer {index} has {len(data)} bytes instead of {entry['byteLength']}")
            self._buffers[index] = data[: entry["byteLength"]]
        return self._buffers[index]

    def resolve(self, uri: str) -> bytes:
        """The bytes behind a data URI, or of the file at a path relative to this one.

        Raises:
            MeshError: there is no such file, or it may not be read.
        """
        if uri.startswith("data:"):
            return base64.b64decode(uri.partition(",")[2], validate=True)
        return read_bytes(self.path.parent / unquote(uri))

    def refuse_compression(self, extensions: Iterable[str]) -> None:
        """Raises MeshError if one of the extensions compresses numbers.

        Compressed numbers are in a view that says so (meshopt), or in none (Draco).
        """
        for name in sorted(COMPRESSIONS.keys() & set(extensions)):
            raise MeshError(
                f"{self.path} is compressed with {COMPRESSIONS[name]}, which cannot be read here.",
                "Export it again without compression.",
            )


def read_accessor(gltf: dict, buffer: Callable[[int], bytes | bytearray], index: int) -> np.ndarray:
    """The values of an accessor, sparse or not (section 3.6.2 of the specification).

    Args:
        gltf: the file's JSON.
        buffer: gives the bytes of a buffer by its index.
        index: the accessor's.
    Returns:
        (count, width), a copy; normalised whole numbers as float64 from -1 or 0 to 1 (section 3.11).
    Raises:
        ValueError, LookupError, TypeError: the accessor contradicts itself or points outside its view.
    """
    accessor = gltf["accessors"][index]
    kind, width = np.dtype(COMPONENTS[accessor["componentType"]]), WIDTHS[accessor["type"]]
    values = _values(gltf, buffer, accessor, accessor["count"], kind, width)
    if "sparse" in accessor:
        count, at, new = (accessor["sparse"][key] for key in ("count", "indices", "values"))
        rows = _values(gltf, buffer, at, count, np.dtype(COMPONENTS[at["componentType"]]), 1)[:, 0]
        values[rows] = _values(gltf, buffer, new, count, kind, width)
    if accessor.get("normalized") and kind.kind in "iu":
        return np.maximum(values / np.float64(np.iinfo(kind).max), -1)
    return values


def _values(
    gltf: dict, buffer: Callable[[int], bytes | bytearray], source: dict, count: int, kind: np.dtype, width: int
) -> np.ndarray:
    """(count, width) numbers of a buffer view, which may hold others between them; zeros where there is no view."""
    if "bufferView" not in source:
        return np.zeros((count, width), kind)
    view = gltf["bufferViews"][source["bufferView"]]
    first, start = view.get("byteOffset", 0), source.get("byteOffset", 0)
    stride = view.get("byteStride", kind.itemsize * width)
    data = memoryview(buffer(view["buffer"]))[first : first + view["byteLength"]]
    return np.ndarray((count, width), kind, data, start, (stride, kind.itemsize)).copy()


def _chunks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and bytes of each chunk of a .glb file (section 4.4)."""
    _, version, length = struct.unpack_from("<III", data)
    if version != 2 or length > len(data):
        raise ValueError("not version 2, or truncated")
    offset = 12
    while offset < length:
        size, kind = struct.unpack_from("<II", data, offset)
        if offset + 8 + size > length:
            raise ValueError("a chunk is longer than the file")
        yield kind, data[offset + 8 : offset + 8 + size]
        offset += 8 + size
