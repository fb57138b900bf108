"""Read an artist's mesh at rest: the basis of its shape keys, before any modifier, with all vertices in order."""

from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ..motion.axes import to_model
from ..motion.ply import Corners, write_ply
from .attributes import read_all


@dataclass(frozen=True)
class RestPose:
    """A mesh at rest.

    Args:
        vertices: (V, 3) float32 in the object's local coordinates.
        triangles: (F, 3) int32; quads and n-gons as Blender divides them.
    """

    vertices: np.ndarray
    triangles: np.ndarray

    @property
    def size(self) -> float:
        """Longest side of the bounding box."""
        return float(np.ptp(self.vertices.astype(np.float64), axis=0).max())


def read_basis(mesh: bpy.types.Mesh) -> np.ndarray:
    """Return (V, 3) float32: the reference key if the mesh has shape keys, otherwise its vertices."""
    return read_all(mesh.shape_keys.reference_key.points if mesh.shape_keys else mesh.vertices, "co", 3)


def read_surface_points(mesh: bpy.types.Mesh) -> np.ndarray:
    """Return (W, 3) float32: as `read_basis`, but only the vertices that have a face."""
    return read_basis(mesh)[used_vertices(mesh)]


def used_vertices(mesh: bpy.types.Mesh) -> np.ndarray:
    """Return the (W,) increasing indices of the vertices that have a face."""
    return np.unique(read_all(mesh.loops, "vertex_index", kind=np.int32))


def read_triangles(mesh: bpy.types.Mesh) -> np.ndarray:
    """Return (F, 3) int32 indices into the vertices."""
    mesh.calc_loop_triangles()
    return read_all(mesh.loop_triangles, "vertices", 3, kind=np.int32)


def read_rest_pose(object: bpy.types.Object) -> RestPose:
    """Return the mesh that a job animates; `targets.check_target` checks that the object has one."""
    return RestPose(read_basis(object.data), read_triangles(object.data))


def read_corners(mesh: bpy.types.Mesh) -> Corners:
    """Return each triangle's face and the UVs of its corners, from the UV map that renders use."""
    mesh.calc_loop_triangles()
    polygons = read_all(mesh.loop_triangles, "polygon_index", kind=np.int32)
    loops = read_all(mesh.loop_triangles, "loops", 3, kind=np.int32)
    layer = next((layer for layer in mesh.uv_layers if layer.active_render), None)
    return Corners(polygons, None if layer is None else read_uv(layer)[loops])


def read_uv(layer: bpy.types.MeshUVLoopLayer) -> np.ndarray:
    """Return (L, 2) float32, the UVs of the corners of all faces."""
    return read_all(layer.uv, "vector", 2)


def save_rest_pose(object: bpy.types.Object, facing: str, path: str | Path, with_corners: bool = False) -> RestPose:
    """Write the rest pose as a PLY file in model space, and return it in local coordinates.

    Args:
        facing: the local axis that the subject faces, a name in `axes.FACINGS`.
        with_corners: also write what painting needs, see `read_corners`.
    Raises:
        OSError: the file cannot be written.
    """
    pose = read_rest_pose(object)
    corners = read_corners(object.data) if with_corners else None
    write_ply(path, to_model(pose.vertices, facing), pose.triangles, corners)
    return pose
