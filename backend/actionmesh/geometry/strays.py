"""Vertices of no face: they have no part in the surface, so nothing is measured, boxed, welded or decoded with them.

They are left out before a mesh is animated, and afterwards follow the nearest vertex that has a face.
"""

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from .mesh import Mesh


def used_vertices(faces: np.ndarray) -> np.ndarray:
    """Return (W,) growing numbers of the vertices that some of the faces (F, 3) has."""
    return np.unique(faces)


def without_strays(mesh: Mesh) -> Mesh:
    """Return the mesh of those vertices alone that have a face, in their order; the mesh itself where all have one."""
    used = used_vertices(mesh.faces)
    if len(used) == len(mesh.vertices):
        return mesh
    return replace(mesh, vertices=mesh.vertices[used], faces=renumbered(mesh.faces, used))


def renumbered(faces: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Return faces (F, 3) as they count among the used vertices alone."""
    return np.searchsorted(used, faces).astype(faces.dtype)


def with_strays(poses: np.ndarray, rest: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Return poses (T, W, 3) of the used vertices as poses (T, V, 3) of all; strays follow the nearest that is used.

    Args:
        rest: (V, 3) all vertices in the pose of which it is decided what is near.
        faces: (F, 3) among all V.
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
