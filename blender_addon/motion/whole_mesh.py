"""The whole mesh of a motion with one vertex per place, regardless of seams in the file's UVs and normals."""

import numpy as np

from .closed import place_of_vertices


def whole_mesh(vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mesh in which vertices that are at one place in every frame are merged.

    Vertices that meet in some frames only, as lips do, stay apart. Triangles of fewer than three places are left out.

    Args:
        vertices: (T, V, 3) in model space.
        triangles: (F, 3).

    Returns:
        vertices (T, W, 3) float32, in order of first appearance, and triangles (G, 3) int32.
    """
    places = place_of_vertices(vertices[0])
    for pose in vertices[1:]:
        places = np.unique(np.stack([places, place_of_vertices(pose)]), axis=1, return_inverse=True)[1].reshape(-1)
    _, first, places = np.unique(places, return_index=True, return_inverse=True)
    order = np.argsort(first)
    corners = np.argsort(order)[places.reshape(-1)][triangles]
    real = (corners != np.roll(corners, 1, axis=1)).all(axis=1)
    return vertices[:, first[order]].astype(np.float32), corners[real].astype(np.int32)
