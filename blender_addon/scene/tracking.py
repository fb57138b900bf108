"""The positions of all vertices that a scene shows, frame by frame: one mesh, after modifiers, rigs and keys."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from operator import itemgetter

import bpy
import numpy as np

from ..errors import ArtistError
from .attributes import read_all
from .meshes import read_triangles

Keep = Callable[[np.ndarray], np.ndarray]
Key = tuple[str, tuple[int, ...]]
"""An object's name, and which instance of it: Blender's own order differs from one import of a file to the next."""


@dataclass(frozen=True, eq=False)
class Moving:
    """A mesh that moves.

    Args:
        vertices: (T, V, 3) float64 in the world; only those that a triangle uses.
        triangles: (F, 3) int32, divided as Blender divides the first frame; normals point outwards.
    """

    vertices: np.ndarray
    triangles: np.ndarray


@dataclass(frozen=True, eq=False)
class Piece:
    """One mesh in one frame: vertices (V, 3) float64 in the world, a hash of its faces, and whether it is mirrored."""

    vertices: np.ndarray
    faces: bytes
    mirrored: bool


def read_motion(scene: bpy.types.Scene, frames: Sequence[float], keep: Keep = lambda pose: pose) -> Moving:
    """Evaluate a scene at whole or fractional frames and return its motion.

    Args:
        keep: returns what is kept of each pose (V, 3) instead of all its vertices.

    Raises:
        ArtistError: there are no faces, they change from frame to frame, or a vertex is not finite.
    """
    first, triangles = read_frame(scene, frames[0]), read_all_triangles(scene)
    if not first or not len(triangles):
        raise ArtistError("It has no faces in its first frame.", "Export it again with its meshes.")
    used, triangles = np.unique(triangles, return_inverse=True)
    poses = [keep(_joined(first)[used])]
    for frame in frames[1:]:
        pieces = read_frame(scene, frame)
        if _topology(pieces) != _topology(first):
            problem = f"Its meshes, vertices or faces at frame {frame:g} are not those of frame {frames[0]:g}."
            raise ArtistError(problem, "Only a motion whose faces stay the same can be tracked.")
        poses.append(keep(_joined(pieces)[used]))
    vertices = np.stack(poses)
    if not np.isfinite(vertices).all():
        raise ArtistError("It has vertices that are not finite.", "Fix its meshes.")
    return Moving(vertices, triangles.reshape(-1, 3).astype(np.int32))


def read_rest(scene: bpy.types.Scene, frame: float) -> np.ndarray:
    """Return the vertices (1, V, 3) of `read_motion` at a frame, with all bones at rest and without shape keys.

    Raises:
        ArtistError: as `read_motion`.
    """
    keyed = [item for item in scene.objects if getattr(item.data, "shape_keys", None)]
    with ExitStack() as undo:
        for armature in bpy.data.armatures:
            undo.callback(setattr, armature, "pose_position", armature.pose_position)
            armature.pose_position = "REST"
        for item in keyed:
            undo.callback(setattr, item, "active_shape_key_index", item.active_shape_key_index)
            undo.callback(setattr, item, "show_only_shape_key", item.show_only_shape_key)
            item.active_shape_key_index, item.show_only_shape_key = 0, True
        return read_motion(scene, [frame]).vertices


def read_frame(scene: bpy.types.Scene, frame: float) -> dict[Key, Piece]:
    """Return all meshes at a frame by name, instances included; the scene stays at that frame."""
    whole = int(np.floor(frame))
    scene.frame_set(whole, subframe=frame - whole)
    pieces = {}
    for key, mesh, world in _shown(scene):
        local = read_all(mesh.vertices, "co", 3)
        mirrored = bool(np.linalg.det(world[:3, :3]) < 0)
        pieces[key] = Piece(local @ world[:3, :3].T + world[:3, 3], _faces(mesh), mirrored)
    return dict(sorted(pieces.items()))


def read_all_triangles(scene: bpy.types.Scene) -> np.ndarray:
    """Return (F, 3) triangles at the scene's current frame, counting the vertices of `read_frame` piece by piece."""
    pieces = {}
    for key, mesh, world in _shown(scene):
        triangles = read_triangles(mesh)
        pieces[key] = triangles[:, ::-1] if np.linalg.det(world[:3, :3]) < 0 else triangles, len(mesh.vertices)
    found, vertices = [np.empty((0, 3), np.int32)], 0
    for _, (triangles, count) in sorted(pieces.items(), key=itemgetter(0)):
        found.append(triangles + vertices)
        vertices += count
    return np.concatenate(found)


def _shown(scene: bpy.types.Scene) -> Iterator[tuple[Key, bpy.types.Mesh, np.ndarray]]:
    """Yield key, evaluated mesh and (4, 4) float64 world matrix of each mesh with vertices; valid for one step."""
    for instance in scene.view_layers[0].depsgraph.object_instances:
        mesh = instance.object.data
        if instance.show_self and isinstance(mesh, bpy.types.Mesh) and len(mesh.vertices):
            copy = tuple(instance.persistent_id) if instance.is_instance else ()
            yield (instance.object.name_full, copy), mesh, np.array(instance.matrix_world, np.float64)


def _faces(mesh: bpy.types.Mesh) -> bytes:
    """Return a hash of which vertices each face has."""
    corners = read_all(mesh.loops, "vertex_index", kind=np.int32)
    starts = read_all(mesh.polygons, "loop_start", kind=np.int32)
    return hashlib.blake2b(corners.tobytes() + b"|" + starts.tobytes()).digest()


def _topology(pieces: dict[Key, Piece]) -> list[tuple[Key, int, bytes, bool]]:
    return [(key, len(piece.vertices), piece.faces, piece.mirrored) for key, piece in pieces.items()]


def _joined(pieces: dict[Key, Piece]) -> np.ndarray:
    return np.concatenate([piece.vertices for piece in pieces.values()])
