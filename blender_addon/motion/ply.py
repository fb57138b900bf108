"""Writes the mesh that a job animates: binary little-endian PLY, positions and triangles, every vertex in its place."""

from pathlib import Path

import numpy as np


def write_ply(path: str | Path, vertices: np.ndarray, triangles: np.ndarray) -> None:
    """Writes one mesh.

    Args:
        vertices: (V, 3), stored as float32.
        triangles: (F, 3) indices into the vertices, stored as int32.
    Raises:
        OSError: the file cannot be written.
    """
    assert vertices.ndim == 2 and vertices.shape[1] == 3 and triangles.ndim == 2 and triangles.shape[1] == 3
    faces = np.empty(len(triangles), dtype=[("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, triangles
    header = (
        "ply\nformat binary_little_endian 1.0\n"
        f"element vertex {len(vertices)}\nproperty float x\nproperty float y\nproperty float z\n"
        f"element face {len(triangles)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    with open(path, "wb") as file:
        file.write(header.encode("ascii"))
        file.write(np.ascontiguousarray(vertices, "<f4").data)
        file.write(faces.tobytes())
