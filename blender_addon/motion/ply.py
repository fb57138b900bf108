"""Write the mesh that a job animates: binary little-endian PLY, positions and triangles, vertices in their order."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, eq=False)
class Corners:
    """What painting needs to know of a mesh's triangles besides their vertices.

    Args:
        polygon: (F,) int32, the face of the artist's mesh that each triangle is a part of.
        uv: (F, 3, 2) float32, of the corners; None for a mesh without UVs.
    """

    polygon: np.ndarray
    uv: np.ndarray | None


def write_ply(path: str | Path, vertices: np.ndarray, triangles: np.ndarray, corners: Corners | None = None) -> None:
    """Write one mesh.

    Args:
        vertices: (V, 3), stored as float32.
        triangles: (F, 3) indices into the vertices, stored as int32.
        corners: stored as the faces' `polygon` and, if there are UVs, `texcoord`, the name that other programs use.
    Raises:
        OSError: the file cannot be written.
    """
    assert vertices.ndim == 2 and vertices.shape[1] == 3 and triangles.ndim == 2 and triangles.shape[1] == 3
    kinds, lines = [("count", "u1"), ("corners", "<i4", 3)], ["property list uchar int vertex_indices"]
    values = {"count": 3, "corners": triangles}
    if corners is not None:
        kinds, lines = [*kinds, ("polygon", "<i4")], [*lines, "property int polygon"]
        values |= {"polygon": corners.polygon}
        if corners.uv is not None:
            kinds, lines = [*kinds, ("numbers", "u1"), ("uv", "<f4", 6)], [*lines, "property list uchar float texcoord"]
            values |= {"numbers": 6, "uv": corners.uv.reshape(-1, 6)}
    faces = np.empty(len(triangles), dtype=kinds)
    for name, value in values.items():
        faces[name] = value
    properties = "\n".join(lines)
    header = (
        "ply\nformat binary_little_endian 1.0\n"
        f"element vertex {len(vertices)}\nproperty float x\nproperty float y\nproperty float z\n"
        f"element face {len(triangles)}\n{properties}\nend_header\n"
    )
    with open(path, "wb") as file:
        file.write(header.encode("ascii"))
        file.write(np.ascontiguousarray(vertices, "<f4").data)
        file.write(faces.tobytes())
