"""Check for room on the disk before an export.

On a full disk Blender's Alembic exporter terminates Blender, and its USD exporter reports nothing.
"""

import shutil
from pathlib import Path

import bpy

from ..errors import ArtistError

LEAST = 1 << 20
"""Bytes for the parts of the file that do not grow with the meshes."""
VECTOR, CORNER = 12, 32
"""Bytes of a position or normal, and of a face corner: its indices, its share of the face and its UVs."""


def require_room(path: Path, scene: bpy.types.Scene) -> None:
    """Raise ArtistError if the disk may be too small for the scene's meshes.

    Every vertex and every corner's normal must fit next to `path`, for each frame of the scene's range. Some network
    disks do not report their size; those pass.

    Raises:
        ArtistError: there is not enough room.
        OSError: the folder does not exist.
    """
    needed, disk = LEAST + _bytes_of(scene), shutil.disk_usage(path.parent)
    if disk.total and disk.free < needed:
        problem = f"The export may take {needed / 2**20:.0f} MB, and the disk has only {disk.free / 2**20:.0f} MB left."
        raise ArtistError(problem, "Free some space, or choose another place.")


def _bytes_of(scene: bpy.types.Scene) -> int:
    frames, depsgraph = scene.frame_end - scene.frame_start + 1, scene.view_layers[0].depsgraph
    meshes = [object.evaluated_get(depsgraph).data for object in scene.objects if object.type == "MESH"]
    return sum(frames * VECTOR * (len(mesh.vertices) + len(mesh.loops)) + CORNER * len(mesh.loops) for mesh in meshes)
