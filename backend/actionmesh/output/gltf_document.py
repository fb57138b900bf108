"""A glTF 2.0 file as what it is, JSON and bytes: read, extended and written without interpreting what is not asked for.

Textures, materials, extras, extensions and unknown chunks come out byte for byte as they went in; only a `.gltf` file's
buffers and pictures move into the one binary chunk. Meshes in Draco or meshopt compression are refused.
Specification: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

import base64
import binascii
import json
import mimetypes
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from ..errors import MeshError, OutputError

MAGIC, JSON_CHUNK, BINARY_CHUNK = 0x46546C67, 0x4E4F534A, 0x004E4942
VERTEX_BUFFER = 34962
FLOAT = 5126
COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", FLOAT: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
COMPRESSIONS = {"KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_meshopt_compression"}
LARGEST_GLB = 2**32 - 1


@dataclass
class Document:
    """The file's JSON, its one binary buffer, and chunks that are neither (kind, bytes)."""

    json: dict
    binary: bytearray
    other_chunks: list[tuple[int, bytes]]

    @classmethod
    def read(cls, path: Path) -> "Document":
        """Reads a .glb or .gltf file with all that it refers to.

        Raises:
            MeshError: the file is missing, broken, or compressed.
        """
        try:
            return cls.parse(path.read_bytes(), path.parent)
        except OSError as error:
            raise MeshError(
                f"{path} cannot be read ({error.strerror}).", "Check the path and its permissions."
            ) from error
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, struct.error) as error:
            raise MeshError(f"{path} is no valid glTF 2.0 file.", "Export it again.") from error

    @classmethod
    def parse(cls, data: bytes, folder: Path) -> "Document":
        """From the bytes of a .glb or .gltf file; `folder` is where its relative references start."""
        chunks = list(_chunks(data)) if data[:4] == struct.pack("<I", MAGIC) else [(JSON_CHUNK, data)]
        document = cls(json.loads(chunks[0][1], parse_constant=_refuse), bytearray(), [])
        compressions = COMPRESSIONS.intersection(document.json.get("extensionsUsed", []))
        if compressions:
            raise MeshError(f"The meshes are compressed with {min(compressions)}.", "Export them without compression.")
        has_binary = len(chunks) > 1 and chunks[1][0] == BINARY_CHUNK
        document.other_chunks = chunks[2 if has_binary else 1 :]
        document._gather_buffers(chunks[1][1] if has_binary else b"", folder)
        document._gather_images(folder)
        return document

    def _gather_buffers(self, embedded: bytes, folder: Path) -> None:
        starts = []
        for buffer in self.json.get("buffers", []):
            data = _resolve(buffer["uri"], folder) if "uri" in buffer else embedded
            if len(data) < buffer["byteLength"]:
                raise ValueError("a buffer is shorter than it says")
            starts.append(self._append(data[: buffer["byteLength"]]))
        for view in self.json.get("bufferViews", []):
            view["byteOffset"] = view.get("byteOffset", 0) + starts[view["buffer"]]
            view["buffer"] = 0

    def _gather_images(self, folder: Path) -> None:
        """Brings pictures beside a .gltf file into the buffer; one that is not there stays a reference."""
        for image in self.json.get("images", []):
            if "uri" not in image:
                continue
            try:
                data = _resolve(image["uri"], folder)
            except OSError:
                continue
            image.setdefault("mimeType", _mime_type(image["uri"]))
            image["bufferView"] = self._add_view(data)
            del image["uri"]

    def _append(self, data: bytes) -> int:
        self.binary.extend(bytes(-len(self.binary) % 4))
        start = len(self.binary)
        self.binary.extend(data)
        return start

    def _add_view(self, data: bytes, **properties: int) -> int:
        return add_to(
            self.json, "bufferViews", dict(buffer=0, byteOffset=self._append(data), byteLength=len(data), **properties)
        )

    def array(self, accessor: int) -> np.ndarray:
        """(count, width) values of an accessor, integers marked as normalised turned into floats.

        Raises:
            MeshError: the accessor points outside its buffer.
        """
        entry = self.json["accessors"][accessor]
        kind, width = np.dtype(COMPONENTS[entry["componentType"]]), WIDTHS[entry["type"]]
        try:
            values = self._values(entry, entry["count"], kind, width)
            if "sparse" in entry:
                count, places, replaced = (entry["sparse"][key] for key in ("count", "indices", "values"))
                rows = self._values(places, count, np.dtype(COMPONENTS[places["componentType"]]), 1)[:, 0]
                values[rows] = self._values(replaced, count, kind, width)
        except (ValueError, TypeError, IndexError) as error:
            raise MeshError("An accessor of the mesh points outside its buffer.", "Export it again.") from error
        return _normalised(values) if entry.get("normalized") else values

    def _values(self, holder: dict, count: int, kind: np.dtype, width: int) -> np.ndarray:
        if "bufferView" not in holder:
            return np.zeros((count, width), kind)
        view = self.json["bufferViews"][holder["bufferView"]]
        stride, start = view.get("byteStride", kind.itemsize * width), view["byteOffset"] + holder.get("byteOffset", 0)
        return np.ndarray((count, width), kind, self.binary, start, (stride, kind.itemsize)).copy()

    def add_scalars(self, values: np.ndarray) -> int:
        """Adds (count,) values as float32 for an animation sampler; the index of their accessor."""
        return self._add_accessor(
            np.asarray(values, np.float32)[:, None], self._add_view(values.astype("<f4").tobytes()), 0
        )

    def add_vectors(self, values: np.ndarray) -> list[int]:
        """Adds (K, count, 3) as float32, K vertex attributes in one buffer view; the indices of their accessors."""
        values = np.ascontiguousarray(values, "<f4")
        view = self._add_view(values.tobytes(), byteStride=12, target=VERTEX_BUFFER)
        return [self._add_accessor(vectors, view, k * vectors.nbytes) for k, vectors in enumerate(values)]

    def add_zeros(self, count: int) -> int:
        """Adds `count` zero vectors, which take no space; the index of their accessor."""
        return self._add_accessor(np.zeros((count, 3), np.float32), None, 0)

    def _add_accessor(self, values: np.ndarray, view: int | None, offset: int) -> int:
        entry: dict = {} if view is None else {"bufferView": view, "byteOffset": offset}
        entry |= {"componentType": FLOAT, "count": len(values), "type": "VEC3" if values.shape[1] == 3 else "SCALAR"}
        entry |= {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        return add_to(self.json, "accessors", entry)

    def to_glb(self) -> bytes:
        """The bytes of a .glb file.

        Raises:
            OutputError: it would be over 4 GiB, which the format cannot hold.
        """
        if self.binary:
            self.json["buffers"] = [{**self.json.get("buffers", [{}])[0], "byteLength": len(self.binary)}]
            self.json["buffers"][0].pop("uri", None)
        text = json.dumps(self.json, separators=(",", ":"), allow_nan=False).encode()
        chunks = [_chunk(JSON_CHUNK, text, b" ")]
        chunks += [_chunk(BINARY_CHUNK, self.binary, b"\0")] if self.binary else []
        chunks += [_chunk(kind, data, b"\0") for kind, data in self.other_chunks]
        length = 12 + sum(map(len, chunks))
        if length > LARGEST_GLB:
            raise OutputError("The animated glb would be over 4 GiB.", "Save as .safetensors or as a folder of meshes.")
        return b"".join([struct.pack("<III", MAGIC, 2, length), *chunks])


def add_to(parent: dict, name: str, entry: dict) -> int:
    """Appends `entry` to the list `name` of `parent`, made if missing; its index."""
    entries = parent.setdefault(name, [])
    entries.append(entry)
    return len(entries) - 1


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _chunks(data: bytes) -> Iterator[tuple[int, bytes]]:
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


def _chunk(kind: int, data: bytes | bytearray, filler: bytes) -> bytes:
    padding = filler * (-len(data) % 4)
    return struct.pack("<II", min(len(data) + len(padding), LARGEST_GLB), kind) + data + padding


def _resolve(uri: str, folder: Path) -> bytes:
    """The bytes behind a data URI or a path relative to `folder`; OSError when there are none."""
    if not uri.startswith("data:"):
        return (folder / unquote(uri)).read_bytes()
    try:
        return base64.b64decode(uri.split(",", 1)[1], validate=True)
    except (IndexError, binascii.Error) as error:
        raise ValueError("a data URI is broken") from error


def _mime_type(uri: str) -> str:
    if uri.startswith("data:"):
        return uri[len("data:") :].split(";", 1)[0]
    return mimetypes.guess_type(uri, strict=False)[0] or "image/png"


def _normalised(values: np.ndarray) -> np.ndarray:
    """Section 3.11 of the specification: f = max(c / largest, -1)."""
    return np.maximum(values / np.float64(np.iinfo(values.dtype).max), -1) if values.dtype.kind in "iu" else values
