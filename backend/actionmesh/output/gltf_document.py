"""A glTF 2.0 file as JSON and bytes: read, extended and written without interpreting the parts that stay the same.

Textures, materials, extras, extensions and unknown chunks are written byte for byte as they were read. A `.gltf` file's
buffers and pictures move into the one binary chunk, and Draco and instances become plain glTF. Meshopt is refused.
Specification: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import MeshError, OutputError
from ..geometry.gltf_accessors import entry_of, read_accessor, view_of
from ..geometry.gltf_file import GltfFile
from ..geometry.reading import DAMAGED, naming_damage, read_bytes
from ..quantising.container import LARGEST_GLB, MAGIC, chunks_of
from .source_pictures import drop_textures, picture_of

VERTEX_BUFFER, INDEX_BUFFER = 34962, 34963
FLOAT, UNSIGNED_INT = 5126, 5125
UNSIGNED_SHORT = 5123
KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
WHITE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8ffff3f0005fe02fe0def46b8"
    "0000000049454e44ae426082"
)
"""A PNG of one white pixel, which replaces a picture that is left out."""


@dataclass
class Document:
    """A glTF file that can be extended and written.

    Args:
        json: the file's JSON.
        binary: the file's one binary buffer.
        other_chunks: (kind, bytes) of the other chunks.
        notes: a sentence for each thing that was left out.
    """

    json: dict
    binary: bytearray
    other_chunks: list[tuple[int, bytes]]
    notes: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> "Document":
        """Read a .glb or .gltf file with all files that it refers to.

        Raises:
            MeshError: the file is missing, damaged, or compressed.
        """
        with naming_damage(path):
            return cls.parse(read_bytes(path), path)

    @classmethod
    def parse(cls, data: bytes, path: Path) -> "Document":
        """Parse the bytes of a .glb or .gltf file; relative references start in the folder of `path`."""
        file = GltfFile(path, data)
        file.refuse_compression(file.json.get("extensionsUsed", ()))
        document = cls(file.json, bytearray(), file.other_chunks)
        document._gather_buffers(file)
        document._gather_images(file)
        json.dumps(document.json, allow_nan=False)  # refuse what cannot be written now, while the file's name is known
        return document

    def _gather_buffers(self, file: GltfFile) -> None:
        buffer, views = file.buffer, self.json.get("bufferViews", [])
        for index in range(len(views)):
            view_of(self.json, buffer, index)
        starts = [self._append(buffer(index)) for index in range(len(self.json.get("buffers", [])))]
        for view in views:
            view["byteOffset"] = view.get("byteOffset", 0) + starts[view["buffer"]]
            view["buffer"] = 0
            if view.get("byteStride") == 0:  # older exporters write 0 for "none"
                del view["byteStride"]

    def _gather_images(self, file: GltfFile) -> None:
        """Embed the pictures that a .gltf file refers to in the buffer; a missing one stays a reference."""
        for index, image in enumerate(self.json.get("images", [])):
            if "uri" not in image:
                entry_of(self.json, "bufferViews", image["bufferView"])
                continue
            try:
                data, kind = picture_of(file, image["uri"])
                image.setdefault("mimeType", kind)
            except FileNotFoundError:
                continue
            except (ValueError, TypeError) as error:
                self.notes.append(f"The picture images[{index}] was left out: {error}.")
                drop_textures(self.json, index)
                data, image["mimeType"] = WHITE, "image/png"
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
        """Return the values of an accessor, as `read_accessor` does.

        Raises:
            MeshError: the accessor contradicts itself or points outside its buffer.
        """
        try:
            return read_accessor(self.json, lambda _: self.binary, accessor)
        except DAMAGED as error:
            raise MeshError("An accessor of the mesh points outside its buffer.", "Export it again.") from error

    def add_scalars(self, values: np.ndarray) -> int:
        """Add (count,) values as float32 for an animation sampler, and return their accessor's index."""
        values = np.ascontiguousarray(values, "<f4")[:, None]
        return self._add_accessor(values, self._add_view(values.tobytes()), 0)

    def add_vectors(self, values: np.ndarray) -> list[int]:
        """Add (K, count, 3) as float32, K vertex attributes in one buffer view, and return their accessors' indices.

        Raises:
            ValueError: a value is not finite, or too large for float32.
        """
        with np.errstate(over="ignore"):
            values = np.ascontiguousarray(values, "<f4")
        if not np.isfinite(values).all():
            raise ValueError("a vertex's position is too large for float32")
        view = self._add_view(values.tobytes(), byteStride=12, target=VERTEX_BUFFER)
        return [self._add_accessor(vectors, view, k * vectors.nbytes) for k, vectors in enumerate(values)]

    def add_attribute(self, values: np.ndarray) -> int:
        """Add (count, 2) texture coordinates, or (count, 4) weights or tangents, as float32; return their accessor."""
        values = np.ascontiguousarray(values, "<f4")
        return self._add_accessor(values, self._add_view(values.tobytes(), target=VERTEX_BUFFER), 0)

    def add_indices(self, faces: np.ndarray) -> int:
        """Add (F, 3) triangles, and return their accessor's index."""
        corners = np.ascontiguousarray(faces, "<u4").reshape(-1, 1)
        return self._add_accessor(corners, self._add_view(corners.tobytes(), target=INDEX_BUFFER), 0, UNSIGNED_INT)

    def add_picture(self, data: bytes, mime_type: str) -> int:
        """Add the bytes of a picture file, and return the image's index."""
        return add_to(self.json, "images", {"bufferView": self._add_view(data), "mimeType": mime_type})

    def add_joints(self, values: np.ndarray) -> int:
        """Add (count, 4) numbers of joints, and return their accessor's index."""
        values = np.ascontiguousarray(values, "<u2")
        return self._add_accessor(values, self._add_view(values.tobytes(), target=VERTEX_BUFFER), 0, UNSIGNED_SHORT)

    def add_keys(self, values: np.ndarray) -> int:
        """Add (count, 3 or 4) values of an animation sampler, or (count, 16) matrices by columns, as float32.

        Returns their accessor's index.
        """
        values = np.ascontiguousarray(values, "<f4")
        return self._add_accessor(values, self._add_view(values.tobytes()), 0)

    def add_zeros(self, count: int) -> int:
        """Add `count` zero vectors, which take no space, and return their accessor's index."""
        return self._add_accessor(np.zeros((count, 3), np.float32), None, 0)

    def _add_accessor(self, values: np.ndarray, view: int | None, offset: int, kind: int = FLOAT) -> int:
        entry: dict = {} if view is None else {"bufferView": view, "byteOffset": offset}
        entry |= {"componentType": kind, "count": len(values), "type": KINDS[values.shape[1]]}
        entry |= {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        return add_to(self.json, "accessors", entry)

    def to_glb(self) -> bytes:
        """Return the document as the bytes of a .glb file.

        Raises:
            OutputError: the file would be over 4 GiB, the format's limit.
        """
        if self.binary:
            self.json["buffers"] = [{**self.json.get("buffers", [{}])[0], "byteLength": len(self.binary)}]
            self.json["buffers"][0].pop("uri", None)
        chunks = chunks_of(self.json, self.binary, self.other_chunks)
        length = 12 + sum(map(len, chunks))
        if length > LARGEST_GLB:
            raise OutputError("The animated glb would be over 4 GiB.", "Save as .safetensors or as a folder of meshes.")
        return b"".join([struct.pack("<III", MAGIC, 2, length), *chunks])


def add_to(parent: dict, name: str, entry: dict) -> int:
    """Append `entry` to the list `name` of `parent`, created if missing, and return its index."""
    entries = parent.setdefault(name, [])
    entries.append(entry)
    return len(entries) - 1
