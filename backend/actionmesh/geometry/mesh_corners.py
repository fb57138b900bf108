"""What painting needs in addition to `load_mesh`: each triangle's UVs, and the polygon that it is a part of.

UVs are read from .glb and .gltf (the first set) and .ply (`texcoord`), polygons from .ply.
"""

from dataclasses import dataclass

import numpy as np

from .gltf_file import GltfFile
from .gltf_scene import placed_primitives, triangles_of
from .mesh import Mesh
from .plain_files import PlyFile, parse_ply
from .polygons import Triangles
from .reading import naming_damage, read_bytes


@dataclass(frozen=True, eq=False)
class Corners:
    """The polygons and UVs of a mesh's triangles.

    Args:
        polygon: (F,) int64, the polygon of the file that each triangle is a part of.
        uv: (F, 3, 2) float32, at the corners, origin at the lower left; None unless the file has UVs for all triangles.
    """

    polygon: np.ndarray
    uv: np.ndarray | None


def load_corners(mesh: Mesh) -> Corners:
    """Read the polygons and UVs of a mesh's triangles from its file.

    Raises:
        MeshError: the file is damaged.
    """
    plain = Corners(np.arange(len(mesh.faces)), None)
    if mesh.path is None:
        return plain
    ending = mesh.path.suffix.lower()
    with naming_damage(mesh.path):
        if ending == ".ply":
            return _of_ply(read_bytes(mesh.path), len(mesh.faces))
        if ending in (".glb", ".gltf"):
            return Corners(plain.polygon, _uv_of_gltf(mesh))
    return plain


def _of_ply(data: bytes, count: int) -> Corners:
    file = parse_ply(data)
    triangles = file.triangles()
    assert len(triangles.faces) == count
    polygon = triangles.polygon
    own = file.columns["face"].get("polygon")
    return Corners(polygon if own is None else np.asarray(own).astype(np.int64)[polygon], uv_of_ply(file, triangles))


def uv_of_ply(file: PlyFile, triangles: Triangles) -> np.ndarray | None:
    """Return the UVs (F, 3, 2) float32 of a .ply file's triangles, from `texcoord`; None unless all faces have them."""
    listed = file.columns.get("face", {}).get("texcoord")
    if listed is None or not len(triangles.faces):
        return None
    flat = np.concatenate([np.asarray(row, np.float32).ravel() for row in listed])
    sizes = np.array([len(row) for row in listed], np.int64)
    starts = np.cumsum(sizes) - sizes
    needed = 2 * (triangles.corners.max(axis=1) + 1)
    if (sizes[triangles.polygon] < needed).any():
        return None
    first = starts[triangles.polygon][:, None] + 2 * triangles.corners
    return _finite(flat[first[..., None] + np.arange(2)])


def _uv_of_gltf(mesh: Mesh) -> np.ndarray | None:
    assert mesh.path is not None
    file, found = GltfFile(mesh.path, read_bytes(mesh.path)), []
    for _, content, placed in placed_primitives(file.json, file.array):
        if "TEXCOORD_0" not in content["attributes"]:
            return None
        uv = file.array(content["attributes"]["TEXCOORD_0"])
        if uv.shape != (len(placed.positions), 2):
            return None
        triangles = triangles_of(content, file.array, len(uv))
        found.append((uv * (1, -1) + (0, 1))[triangles[:, ::-1] if placed.mirrors else triangles])
    return _finite(np.concatenate(found).astype(np.float32))


def _finite(uv: np.ndarray) -> np.ndarray | None:
    return uv if np.isfinite(uv).all() else None
