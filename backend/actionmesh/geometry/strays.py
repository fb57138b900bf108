"""Strays: vertices that no face uses. They are not part of the surface, and no computation on it includes them.

They are removed before a mesh is animated. Afterwards each follows the nearest vertex that a face uses.
"""

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from .mesh import Mesh


def used_vertices(faces: np.ndarray) -> np.ndarray:
    """Return the vertices that the faces (F, 3) use, (W,) in increasing order."""
    return np.unique(faces)


def without_strays(mesh: Mesh) -> Mesh:
    """Return the mesh with only the vertices that a face uses, in their order; the mesh itself if all are used."""
    used = used_vertices(mesh.faces)
    if len(used) == len(mesh.vertices):
        return mesh
    return replace(mesh, vertices=mesh.vertices[used], faces=renumbered(mesh.faces, used))


def renumbered(faces: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Return faces (F, 3) with indices into the used vertices alone."""
    return np.searchsorted(used, faces).astype(faces.dtype)


def with_strays(poses: np.ndarray, rest: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Return poses (T, V, 3) of all vertices from poses (T, W, 3) of the used; strays follow the nearest used vertex.

    Args:
        rest: (V, 3) all vertices in the pose that decides which vertex is nearest.
        faces: (F, 3) indices into all V vertices.
    """
    used = used_vertices(faces)
    if len(used) == len(rest):
        return poses
    strays = np.setdiff1d(np.arange(len(rest)), used)
    nearest = cKDTree(rest[used]).query(rest[strays])[1]
    whole = np.empty((len(poses), *rest.shape), poses.dtype)
    whole[:, used] = poses
    whole[:, strays] = rest[strays] + (poses[:, nearest] - rest[used][nearest])
    return whole
