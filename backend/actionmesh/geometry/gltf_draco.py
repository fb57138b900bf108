"""Decompression of Draco primitives (KHR_draco_mesh_compression) into plain accessors, with Draco's own library."""

from typing import TYPE_CHECKING, Any

import DracoPy
import numpy as np

from .gltf_accessors import COMPONENTS, WIDTHS, entry_of, view_of
from .gltf_extensions import forget

if TYPE_CHECKING:
    from .gltf_file import GltfFile

DRACO = "KHR_draco_mesh_compression"
TRIANGLES, UNSIGNED_INT = 4, 5125


def decompress(file: "GltfFile") -> None:
    """Give every compressed primitive of a file plain accessors, and remove the extension.

    Raises:
        ValueError, LookupError, TypeError: a stream is damaged, or its vertex count differs from its accessors'.
    """
    decoded: dict[int, Any] = {}
    for mesh in file.json.get("meshes", []):
        for primitive in mesh["primitives"]:
            if DRACO in primitive.get("extensions", {}):
                _replace(file, primitive, primitive["extensions"].pop(DRACO), decoded)
                if not primitive["extensions"]:
                    del primitive["extensions"]
    if decoded:
        forget(file.json, DRACO)


def _replace(file: "GltfFile", primitive: dict, stream: dict, decoded: dict[int, Any]) -> None:
    view = stream["bufferView"]
    if view not in decoded:
        decoded[view] = _decode(bytes(view_of(file.json, file.buffer, view)[0]))
    mesh, attributes = decoded[view], primitive["attributes"]
    for name, number in stream["attributes"].items():
        accessor = entry_of(file.json, "accessors", attributes[name])
        values = np.asarray(mesh.get_attribute_by_unique_id(number)["data"])
        if values.shape != (accessor["count"], WIDTHS[accessor["type"]]):
            raise ValueError(
                f"Draco has {values.shape[0]} x {values.shape[-1]} values of {name}, not {accessor['count']}"
            )
        attributes[name] = _add(file, accessor, values.astype(COMPONENTS[accessor["componentType"]]))
    corners = np.asarray(mesh.faces, "<u4").reshape(-1, 1)
    primitive["indices"] = _add(file, {"componentType": UNSIGNED_INT, "type": "SCALAR"}, corners)
    primitive["mode"] = TRIANGLES


def _decode(stream: bytes) -> Any:
    try:
        mesh = DracoPy.decode(stream)
    except DracoPy.FileTypeException as error:
        raise ValueError("a Draco stream cannot be decoded") from error
    if not isinstance(mesh, DracoPy.DracoMesh):
        raise ValueError("a Draco stream contains points, not a mesh")
    return mesh


def _add(file: "GltfFile", like: dict, values: np.ndarray) -> int:
    """Add an accessor of values (count, width) in a new buffer, padded as vertices require, and return its index."""
    size = values.dtype.itemsize * values.shape[1]
    stride = -(-size // 4) * 4 if like["type"] != "SCALAR" else size
    rows = np.zeros((len(values), stride), np.uint8)
    rows[:, :size] = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), size)
    view = {"buffer": file.add_buffer(rows.tobytes()), "byteLength": rows.size}
    views = file.json.setdefault("bufferViews", [])
    views.append(view | ({"byteStride": stride} if stride != size else {}))
    entry = {
        key: value for key, value in like.items() if key not in ("bufferView", "byteOffset", "sparse", "min", "max")
    }
    entry |= {"bufferView": len(views) - 1, "count": len(values)}
    entry |= {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
    file.json["accessors"].append(entry)
    return len(file.json["accessors"]) - 1
