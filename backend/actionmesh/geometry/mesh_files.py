"""Mesh loading from .glb, .gltf, .obj, .ply and .stl: every vertex once, in the file's order.

The order is guaranteed: code that writes an animation back into the file finds vertex 17 at index 17, which trimesh
does not promise. Polygons are triangulated. Lines, points, colours, UVs and materials are skipped. This module opens
the file, reports what is wrong with it, and reads .stl; each other format has its own module.
"""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..errors import MeshError
from .gltf_scene import read_gltf
from .mesh import Mesh
from .obj_file import read_obj
from .ply_file import read_ply
from .reading import Surface, centre_if_far, naming_damage, plain, read_bytes

HEADER = 84
FACET = np.dtype([("normal", "<f4", 3), ("vertices", "<f4", (3, 3)), ("more", "<u2")])
READERS: dict[str, Callable[[Path, bytes], Surface]] = {
    ".glb": read_gltf,
    ".gltf": read_gltf,
    ".obj": lambda path, data: read_obj(data),
    ".ply": lambda path, data: read_ply(data),
    ".stl": lambda path, data: _read_stl(data),
}


def load_mesh(path: str | Path, origin: np.ndarray | None = None) -> Mesh:
    """Load a mesh file; its ending, in upper or lower case, decides the format.

    A glTF scene becomes one mesh in world space, with skins and the default weights of morph targets applied, in the
    order of `gltf_scene.shown_primitives`.

    Args:
        path: the file.
        origin: (3,) the origin of the vertices. By default 0, or the surface's centre if the surface is so far from 0
            that float32 would lose detail.
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
            raise ValueError(f"a face refers to vertex {faces.max()}, counted from 0, of {len(vertices)}")
        vertices = vertices.astype(np.float64)
        origin = _origin_for(vertices, faces) if origin is None else origin
        return Mesh((vertices - origin).astype(np.float32), faces.astype(np.int32), path, origin)


def _origin_for(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    used = np.zeros(len(vertices), bool)
    used[faces] = True
    return centre_if_far(vertices[used])


def _read_stl(data: bytes) -> Surface:
    """Read the surface of a stereolithography file, binary or text: three vertices per triangle, none shared.

    A file that is at least as long as its binary header says is binary, even if it begins like text. A text file may
    contain several solids.
    """
    count = struct.unpack_from("<I", data, HEADER - 4)[0] if len(data) >= HEADER else 0
    if count and len(data) >= HEADER + FACET.itemsize * count:
        vertices = np.frombuffer(data, FACET, count, HEADER)["vertices"].reshape(-1, 3)
    else:
        vertices = _read_text_stl(plain(data).decode("utf-8", "replace").rstrip("\0 \t\r\n"))
    return vertices, np.arange(len(vertices)).reshape(-1, 3)


def _read_text_stl(text: str) -> np.ndarray:
    """Return the vertices (3F, 3); only the first word of a line is a keyword, so a solid may have any name."""
    vertices: list[list[float]] = []
    keyword = ""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        keyword = words[0].lower() if words else keyword
        if words and keyword == "vertex":
            if len(words) < 4:
                raise ValueError(f"line {number}: a vertex has {len(words) - 1} numbers")
            vertices.append(list(map(float, words[1:4])))
        elif keyword == "endloop" and len(vertices) % 3:
            raise ValueError(f"line {number}: a facet is not a triangle")
    if not keyword.startswith("endsolid"):
        raise ValueError("it does not end with endsolid")
    return np.array(vertices, np.float64).reshape(-1, 3)
