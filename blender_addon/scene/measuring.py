"""How large a source is at a frame, exactly as a render sees it.

Modifiers and visibility may differ between viewport and render, and only a render evaluates for renders: so one of a
few pixels is made, and what it evaluated is read while it runs.
"""

import hashlib
from dataclasses import dataclass

import bpy
import numpy as np

from .pictures import Studio, calling

PIXELS = 4


@dataclass(frozen=True)
class Extent:
    """What a render shows at one frame.

    Args:
        low, high: (3,) float64 corners of the box around it, along the camera's axes in world units.
        pose: a hash of all positions.
    """

    low: np.ndarray
    high: np.ndarray
    pose: bytes


def measure(studio: Studio, frame: int, axes: np.ndarray) -> Extent | None:
    """Measures what the studio shows at a frame of the scene; None if it has no face there.

    Args:
        axes: (3, 3), the camera's right, up and back as rows.

    Raises:
        ArtistError: Blender cannot render.
    """
    points: list[np.ndarray] = []

    def read(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
        if depsgraph.mode == "RENDER" and not points:
            points.extend(_points(depsgraph))

    with calling("frame_change_post", read):
        studio.render(frame, PIXELS)
    if not points:
        return None
    seen = np.concatenate(points) @ axes.T
    return Extent(seen.min(axis=0), seen.max(axis=0), hashlib.blake2b(seen.tobytes()).digest())


def _points(depsgraph: bpy.types.Depsgraph) -> list[np.ndarray]:
    """(V, 3) float64 world positions of every evaluated mesh that has faces, instances included."""
    found = []
    for instance in depsgraph.object_instances:
        if instance.show_self and isinstance(instance.object.data, bpy.types.Mesh):
            local, world = _vertices(instance.object), np.array(instance.matrix_world, np.float64)
            found.append(local @ world[:3, :3].T + world[:3, 3])
    return [points for points in found if len(points)]


def _vertices(shown: bpy.types.Object) -> np.ndarray:
    """(V, 3) float32; none if there is no face. Of a mesh in edit mode `data` is empty, and `to_mesh` is not."""
    mesh = shown.to_mesh() if shown.data.is_editmode else shown.data
    local = np.empty((len(mesh.vertices) if mesh.polygons else 0, 3), np.float32)
    if len(local):
        mesh.vertices.foreach_get("co", local.ravel())
    if shown.data.is_editmode:
        shown.to_mesh_clear()
    return local
