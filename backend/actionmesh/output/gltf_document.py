"""A glTF 2.0 file as what it is, JSON and bytes: read, extended and written without interpreting what is not asked for.

Textures, materials, extras, extensions and unknown chunks come out byte for byte as they went in; only a `.gltf` file's
buffers and pictures move into the one binary chunk. Meshes in Draco or meshopt compression are refused.
Specification: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

import json
import mimetypes
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import MeshError, OutputError
from ..geometry.gltf_file import BINARY_CHUNK, JSON_CHUNK, MAGIC, GltfFile, read_accessor
from ..geometry.reading import DAMAGED, naming_damage, read_bytes

VERTEX_BUFFER, INDEX_BUFFER = 34962, 34963
FLOAT, UNSIGNED_INT = 5126, 5125
KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3"}
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
        with naming_damage(path):
            return cls.parse(read_bytes(path), path)

    @classmethod
    def parse(cls, data: bytes, path: Path) -> "Document":
        """From the bytes of a .glb or .gltf file; relative references start in the folder of `path`."""
        file = GltfFile(path, data)
        file.refuse_compression(file.json.get("extensionsUsed", ()))
        document = cls(file.json, bytearray(), file.other_chunks)
        document._gather_buffers(file)
        document._gather_images(file)
        json.dumps(document.json, allow_nan=False)  # what cannot be written is better refused here, by name
        return document

    def _gather_buffers(self, file: GltfFile) -> None:
        starts = [self._append(file.buffer(index)) for index in range(len(self.json.get("buffers", [])))]
        for view in self.json.get("bufferViews", []):
            view["byteOffset"] = view.get("byteOffset", 0) + starts[view["buffer"]]
            view["buffer"] = 0

    def _gather_images(self, file: GltfFile) -> None:
        """Brings pictures beside a .gltf file into the buffer; one that is not there stays a reference."""
        for image in self.json.get("images", []):
            if "uri" not in image:
                continue
            try:
                data = file.resolve(image["uri"])
            except MeshError:
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
        """The values of an accessor, as `read_accessor` has them.

        Raises:
            MeshError: the accessor contradicts itself or points outside its buffer.
        """
        try:
            return read_accessor(self.json, lambda _: self.binary, accessor)
        except DAMAGED as error:
            raise MeshError("An accessor of the mesh points outside its buffer.", "Export it again.") from error

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

    def add_uv(self, values: np.ndarray) -> int:
        """Adds (count, 2) texture coordinates as float32; the index of their accessor."""
        values = np.ascontiguousarray(values, "<f4")
        return self._add_accessor(values, self._add_view(values.tobytes(), target=VERTEX_BUFFER), 0)

    def add_indices(self, faces: np.ndarray) -> int:
        """Adds (F, 3) triangles; the index of their accessor."""
        corners = np.ascontiguousarray(faces, "<u4").reshape(-1, 1)
        return self._add_accessor(corners, self._add_view(corners.tobytes(), target=INDEX_BUFFER), 0, UNSIGNED_INT)

    def add_picture(self, data: bytes, mime_type: str) -> int:
        """Adds the bytes of a picture's file; the index of the image."""
        return add_to(self.json, "images", {"bufferView": self._add_view(data), "mimeType": mime_type})

    def add_zeros(self, count: int) -> int:
        """Adds `count` zero vectors, which take no space; the index of their accessor."""
        return self._add_accessor(np.zeros((count, 3), np.float32), None, 0)

    def _add_accessor(self, values: np.ndarray, view: int | None, offset: int, kind: int = FLOAT) -> int:
        entry: dict = {} if view is None else {"bufferView": view, "byteOffset": offset}
        entry |= {"componentType": kind, "count": len(values), "type": KINDS[values.shape[1]]}
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


def _chunk(kind: int, data: bytes | bytearray, filler: bytes) -> bytes:
    padding = filler * (-len(data) % 4)
    return struct.pack("<II", min(len(data) + len(padding), LARGEST_GLB), kind) + data + padding


def _mime_type(uri: str) -> str:
    if uri.startswith("data:"):
        return uri[len("data:") :].split(";", 1)[0]
    return mimetypes.guess_type(uri, strict=False)[0] or "image/png"
