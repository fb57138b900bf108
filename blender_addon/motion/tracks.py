"""The file of one tracked sequence: safetensors, written without a library, since not every Blender ships one.

    points        (T, P, 3) float32    the same P surface points in every frame, model space
    normals       (T, P, 3) float16    of their triangles
    vertices      (T, V, 3) float32    some vertices of the mesh, one per place
    vertex_normals  (T, V, 3) float16  means over the triangles around them
    times         (T,) float64         seconds, evenly spaced, from 0
    pictures      (K, T, h, h, 4) uint8  sRGB with straight alpha, from K cameras
    axes          (K, 3, 3) float32    right, up and back of the cameras, which look at the origin
    distances     (K,) float32         of their eyes from the origin; infinite when orthographic
    windows       (K, 3) float32       centre (right, down) and half side of the picture in the plane through the origin
    crops         (K, 4) int64         top, left, height, width of the visible part over all frames, in pixels
    query_points  (T, Q, 3) float16    where the signed distance was measured; absent if it was not
    signed_distances  (T, Q) float16   negative inside
    mesh_vertices  (T, W, 3) float32   of the whole mesh, one per place; absent if not stored
    mesh_faces    (F, 3) int32         its triangles
    mesh_rest     (W, 3) float32       its vertices with all bones at rest; absent if not stored

The metadata has two entries: `format`, and `provenance`, plain JSON.
"""

import json
import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FolderError

FORMAT = "actionmesh tracks 1"
KINDS = {"float32": "F32", "float16": "F16", "float64": "F64", "int64": "I64", "int32": "I32", "uint8": "U8"}
ALIGNMENT = 8


@dataclass(frozen=True, eq=False)
class Tracks:
    """One sequence; the arrays are those of the module's table. K or Q may be 0."""

    points: np.ndarray
    normals: np.ndarray
    vertices: np.ndarray
    vertex_normals: np.ndarray
    times: np.ndarray
    pictures: np.ndarray
    axes: np.ndarray
    distances: np.ndarray
    windows: np.ndarray
    crops: np.ndarray
    query_points: np.ndarray | None = None
    signed_distances: np.ndarray | None = None
    mesh_vertices: np.ndarray | None = None
    mesh_faces: np.ndarray | None = None
    mesh_rest: np.ndarray | None = None
    provenance: dict[str, Any] = field(default_factory=dict)


def save_tracks(path: Path, tracks: Tracks) -> None:
    """Write the file, which appears whole or not at all.

    Raises:
        FolderError: it cannot be written.
    """
    arrays = {item.name: getattr(tracks, item.name) for item in fields(tracks) if item.name != "provenance"}
    metadata = {"format": FORMAT, "provenance": json.dumps(tracks.provenance)}
    part = path.with_name(f".part-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write(part, {name: array for name, array in arrays.items() if array is not None}, metadata)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise FolderError(
            f"{path} cannot be written: {error.strerror}.", "Free some space, or choose another folder."
        ) from error


def _write(path: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Write a safetensors file: the header's length, the header, then the arrays, those of the widest numbers first."""
    header: dict[str, Any] = {"__metadata__": metadata}
    order, offset = sorted(arrays, key=lambda name: -arrays[name].itemsize), 0
    for name in order:
        array = arrays[name]
        header[name] = {
            "dtype": KINDS[array.dtype.name],
            "shape": array.shape,
            "data_offsets": (offset, offset + array.nbytes),
        }
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in order:
            file.write(np.ascontiguousarray(arrays[name]).tobytes())
