"""The size of a source at a frame, exactly as a render sees it.

Modifiers and visibility may differ between viewport and render, and Blender evaluates the render's state only in a
render. So this renders a few pixels and reads the evaluated state while the render runs.
"""

import hashlib
from dataclasses import dataclass

import bpy
import numpy as np

from .attributes import read_all
from .pictures import Studio, calling

PIXELS = 4


@dataclass(frozen=True)
class Extent:
    """The extent of what a render shows at one frame.

    Args:
        low, high: (3,) float64 corners of its box, along the camera's axes in world units.
        pose: a hash of all positions.
    """

    low: np.ndarray
    high: np.ndarray
    pose: bytes


def measure(studio: Studio, frame: int, axes: np.ndarray) -> Extent | None:
    """Measure what the studio shows at a frame of the scene; return None if it has no faces there.

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
    """Return the (V, 3) float64 world positions of every evaluated mesh with faces, instances included."""
    found = []
    for instance in depsgraph.object_instances:
        if instance.show_self and isinstance(instance.object.data, bpy.types.Mesh):
            local, world = _vertices(instance.object), np.array(instance.matrix_world, np.float64)
            found.append(local @ world[:3, :3].T + world[:3, 3])
    return [points for points in found if len(points)]


def _vertices(shown: bpy.types.Object) -> np.ndarray:
    """Return (V, 3) float32 vertices, or none if there are no faces.

    In edit mode a mesh's `data` is empty, but `to_mesh` is not.
    """
    mesh = shown.to_mesh() if shown.data.is_editmode else shown.data
    local = read_all(mesh.vertices, "co", 3) if mesh.polygons else np.empty((0, 3), np.float32)
    if shown.data.is_editmode:
        shown.to_mesh_clear()
    return local
