"""Room on the disk before an export. On a full disk Blender's Alembic exporter ends Blender, and its USD exporter says nothing."""

import shutil
from pathlib import Path

import bpy

from ..errors import ArtistError

LEAST = 1 << 20
"""Bytes for what does not grow with the meshes."""
VECTOR, CORNER = 12, 32
"""Bytes of a position or normal; of a face corner's indices, its sides of faces and its UVs."""


def require_room(path: Path, scene: bpy.types.Scene) -> None:
    """Passes if every vertex and every corner's normal of the scene's meshes fit beside `path` at each frame of its range.

    Some network disks do not tell their size; there nothing is asked.

    Raises:
        ArtistError: they do not.
        OSError: the folder is not there.
    """
    needed, disk = LEAST + _bytes_of(scene), shutil.disk_usage(path.parent)
    if disk.total and disk.free < needed:
        problem = f"The export may take {needed / 2**20:.0f} MB, and the disk has {disk.free / 2**20:.0f} MB left."
        raise ArtistError(problem, "Free some space, or choose another place.")


def _bytes_of(scene: bpy.types.Scene) -> int:
    frames, depsgraph = scene.frame_end - scene.frame_start + 1, scene.view_layers[0].depsgraph
    meshes = [object.evaluated_get(depsgraph).data for object in scene.objects if object.type == "MESH"]
    return sum(frames * VECTOR * (len(mesh.vertices) + len(mesh.loops)) + CORNER * len(mesh.loops) for mesh in meshes)
