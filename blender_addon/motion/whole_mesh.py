"""The whole mesh of a motion with one vertex a place, whatever seams the file has for its UVs and normals."""

import numpy as np

from .closed import place_of_vertices


def whole_mesh(vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mesh whose vertices are one where they are at one place in every frame.

    Vertices that meet in some frames alone, as lips do, stay apart. Triangles of fewer than three places are left out.

    Args:
        vertices: (T, V, 3) in model space.
        triangles: (F, 3).

    Returns:
        vertices (T, W, 3) float32 in the order in which places come first, and triangles (G, 3) int32.
    """
    places = place_of_vertices(vertices[0])
    for pose in vertices[1:]:
        places = np.unique(np.stack([places, place_of_vertices(pose)]), axis=1, return_inverse=True)[1].reshape(-1)
    _, first, places = np.unique(places, return_index=True, return_inverse=True)
    order = np.argsort(first)
    corners = np.argsort(order)[places.reshape(-1)][triangles]
    real = (corners != np.roll(corners, 1, axis=1)).all(axis=1)
    return vertices[:, first[order]].astype(np.float32), corners[real].astype(np.int32)
