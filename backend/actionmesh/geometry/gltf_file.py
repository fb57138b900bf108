"""A glTF 2.0 file: its JSON, chunks, buffers and accessor values. `gltf_scene` reads the scene from them.

On opening, compressed and instanced meshes are converted to plain glTF: see `gltf_draco` and `gltf_instances`.
Specification: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

import base64
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes

import numpy as np

from ..errors import MeshError
from ..intake import beside, read_json
from ..quantising.container import BINARY_CHUNK, JSON_CHUNK, MAGIC
from .gltf_accessors import entry_of, read_accessor
from .gltf_draco import DRACO, decompress
from .gltf_extensions import COMPRESSIONS, unread
from .gltf_instances import unfold
from .reading import read_bytes


class GltfFile:
    """A .glb or .gltf file; the content decides which.

    Args:
        path: names the file in messages; relative references start in its folder.
        data: the file's bytes.
    Attributes:
        json: the parsed JSON, without Draco and instances.
        other_chunks: (kind, bytes) of the chunks that are neither JSON nor the binary buffer.
    Raises:
        MeshError: the file requires an extension that is not read here.
        ValueError, LookupError, TypeError, struct.error: the data is not a glTF 2.0 file.
    """

    def __init__(self, path: Path, data: bytes):
        chunks = list(_chunks(data)) if data[:4] == struct.pack("<I", MAGIC) else [(JSON_CHUNK, data)]
        if not chunks or chunks[0][0] != JSON_CHUNK:
            raise ValueError("the first chunk is not JSON")
        has_binary = len(chunks) > 1 and chunks[1][0] == BINARY_CHUNK
        self.path = path
        self.json = read_json(chunks[0][1].rstrip(b"\0"))
        self.other_chunks = chunks[2 if has_binary else 1 :]
        self._embedded = chunks[1][1] if has_binary else b""
        self._buffers: dict[int, bytes] = {}
        if not str(self.json["asset"]["version"]).startswith("2"):
            raise ValueError("not version 2")
        self._refuse(unread(self.json))
        decompress(self)
        unfold(self.json, self.array)

    def array(self, index: int) -> np.ndarray:
        """Return the values of an accessor, as `read_accessor` does.

        Raises:
            MeshError: the values are compressed, or their buffer is a file that cannot be read.
        """
        accessor = entry_of(self.json, "accessors", index)
        for holder in (accessor, *(accessor["sparse"][key] for key in ("indices", "values") if "sparse" in accessor)):
            view = entry_of(self.json, "bufferViews", holder["bufferView"]) if "bufferView" in holder else {}
            self.refuse_compression(view.get("extensions", ()) if view else self.json.get("extensionsUsed", ()))
        return read_accessor(self.json, self.buffer, index)

    def buffer(self, index: int) -> bytes:
        """Return a buffer, from the binary chunk, a data URI or a file, without padding."""
        if index not in self._buffers:
            entry = entry_of(self.json, "buffers", index)
            data = self.resolve(entry["uri"]) if "uri" in entry else self._embedded
            length = entry["byteLength"]
            if isinstance(length, bool) or not isinstance(length, int) or not 0 <= length <= len(data):
                raise ValueError(f"buffers[{index}] has {len(data)} bytes instead of {length}")
            self._buffers[index] = data[:length]
        return self._buffers[index]

    def add_buffer(self, data: bytes) -> int:
        """Append a buffer and return its index."""
        buffers = self.json.setdefault("buffers", [])
        buffers.append({"byteLength": len(data)})
        self._buffers[len(buffers) - 1] = data
        return len(buffers) - 1

    def resolve(self, uri: str) -> bytes:
        """Return the bytes of a data URI, or of a file at a path relative to this file and within its folder.

        Raises:
            MeshError: the file does not exist, or cannot be read.
            ValueError: the path leads out of the folder.
        """
        if uri.startswith("data:"):
            head, comma, body = uri.partition(",")
            if not comma:
                raise ValueError("a data URI has no data")
            return base64.b64decode(body, validate=True) if head.endswith(";base64") else unquote_to_bytes(body)
        try:
            return read_bytes(beside(unquote(uri), self.path.parent))
        except FileNotFoundError as error:
            raise MeshError(
                f"There is no file {self.path.parent / unquote(uri)}.", "Put it next to the mesh file."
            ) from error
        except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself
            problem = f"{self.path.parent / unquote(uri)} cannot be opened ({error})."
            raise MeshError(problem, "Check its permissions.") from error

    def refuse_compression(self, extensions: Iterable[str]) -> None:
        """Raise MeshError if one of the extensions compresses accessors.

        Compressed values are in a view that names the extension (meshopt), or in no view (Draco).
        """
        for name in sorted(COMPRESSIONS.keys() & set(extensions)):
            raise MeshError(
                f"{self.path} is compressed with {COMPRESSIONS[name]}, which cannot be read here.",
                "Export it again without compression.",
            )

    def _refuse(self, extensions: list[str]) -> None:
        self.refuse_compression(name for name in extensions if name != DRACO)
        for name in extensions:
            raise MeshError(
                f"{self.path} needs the glTF extension {name}, which is not read here.", "Export it again without it."
            )


def _chunks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the kind and bytes of each chunk of a .glb file (section 4.4); ignore a rest shorter than a header."""
    _, version, length = struct.unpack_from("<III", data)
    if version != 2 or length > len(data):
        raise ValueError("not version 2, or truncated")
    offset = 12
    while offset + 8 <= length:
        size, kind = struct.unpack_from("<II", data, offset)
        if not size and not kind:
            return
        if offset + 8 + size > length:
            raise ValueError("a chunk is longer than the file")
        yield kind, data[offset + 8 : offset + 8 + size]
        offset += 8 + size
