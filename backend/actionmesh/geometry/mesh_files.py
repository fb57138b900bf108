"""Reads meshes: .glb, .gltf, .obj, .ply and .stl, every vertex once and in the file's order.

That order is the promise: whoever writes an animation back into the file finds vertex 17 at place 17. trimesh keeps it
for .stl alone, so the others are read here. Polygons are cut up into triangles. Lines, points, colours, UVs and
materials are left out. Each format has a module of its own; this one opens the file and names what is wrong with it.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..errors import MeshError
from .gltf_file import GltfFile
from .gltf_scene import Primitive, read_gltf, shown_primitives
from .mesh import Mesh
from .obj_file import read_obj
from .ply_file import read_ply
from .reading import Surface, centre_if_far, naming_damage, read_bytes
from .stl_file import read_stl

__all__ = ["Primitive", "load_mesh", "primitives_of"]

READERS: dict[str, Callable[[Path, bytes], Surface]] = {
    ".glb": read_gltf,
    ".gltf": read_gltf,
    ".obj": lambda path, data: read_obj(data),
    ".ply": lambda path, data: read_ply(data),
    ".stl": lambda path, data: read_stl(data),
}


def load_mesh(path: str | Path, origin: np.ndarray | None = None) -> Mesh:
    """Reads a mesh file; its ending says which format, in upper or lower case.

    A glTF scene becomes one mesh in world space, as its skins and the default weights of its morph targets pose it: see
    `primitives_of` for the order.

    Args:
        origin: (3,) from where the vertices count. By default from 0, and from the surface's middle where the surface is so
            far from 0 that float32 would blur it.
    Raises:
        MeshError: the file is missing, empty, damaged, compressed, of another format, or has no surface.
    """
    path = Path(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise MeshError(
            f"{path} is not a mesh file that can be read; known endings are {', '.join(READERS)}.", "Export it as .glb."
        )
    data = read_bytes(path)
    if not data:
        raise MeshError(f"{path} is empty.", "Export it again.")
    with naming_damage(path), np.errstate(over="ignore", invalid="ignore"):
        vertices, faces = reader(path, data)
        if faces.size and (faces.min() < 0 or faces.max() >= max(len(vertices), 1)):
            raise ValueError(f"a face names vertex {faces.max()}, counted from 0, of {len(vertices)}")
        vertices = vertices.astype(np.float64)
        origin = _origin_for(vertices, faces) if origin is None else origin
        return Mesh((vertices - origin).astype(np.float32), faces.astype(np.int32), path, origin)


def _origin_for(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    used = np.zeros(len(vertices), bool)
    used[faces] = True
    return centre_if_far(vertices[used])


def primitives_of(path: str | Path) -> list[Primitive]:
    """Lists a .glb or .gltf file's primitives in the order in which `load_mesh` joins them, which `gltf_scene` tells.

    Two nodes with one mesh are two sets of vertices, and so are two primitives with one accessor.

    Raises:
        MeshError: as `load_mesh`.
    """
    path = Path(path)
    with naming_damage(path):
        return [primitive for primitive, _ in shown_primitives(GltfFile(path, read_bytes(path)).json)]
