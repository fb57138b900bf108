"""What painting needs to know of a mesh file's triangles beside `load_mesh`: their UVs, and which polygon each is a part of.

UVs are read from .glb, .gltf (the first set) and .ply (`texcoord`), polygons from .ply.
"""

from dataclasses import dataclass

import numpy as np

from .gltf_file import GltfFile
from .gltf_scene import shown_primitives, triangles_of
from .mesh import Mesh
from .ply_file import read_ply_faces
from .reading import fans, naming_damage, read_bytes


@dataclass(frozen=True, eq=False)
class Corners:
    """Of a mesh's triangles.

    Args:
        polygon: (F,) int64, which polygon of the file each is a part of.
        uv: (F, 3, 2) float32, of their corners, origin at the lower left; None where the file has none, or not for all.
    """

    polygon: np.ndarray
    uv: np.ndarray | None


def load_corners(mesh: Mesh) -> Corners:
    """Read what the file of a mesh tells of its triangles.

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
    polygon: list[int] = []
    uv: list[np.ndarray] = []
    for number, row in enumerate(read_ply_faces(data)):
        size = len(row["vertex_indices" if "vertex_indices" in row else "vertex_index"])
        polygon += [int(row.get("polygon", number))] * max(0, size - 2)
        if len(row.get("texcoord", ())) == 2 * size:
            uv += [np.reshape(row["texcoord"], (size, 2))[triangle] for triangle in fans([range(size)])]
    assert len(polygon) == count
    return Corners(np.array(polygon), _finite(np.array(uv, np.float32)) if len(uv) == count else None)


def _uv_of_gltf(mesh: Mesh) -> np.ndarray | None:
    assert mesh.path is not None
    file, found = GltfFile(mesh.path, read_bytes(mesh.path)), []
    for primitive, content in shown_primitives(file.json):
        if "TEXCOORD_0" not in content["attributes"]:
            return None
        uv = file.array(content["attributes"]["TEXCOORD_0"]) * (1, -1) + (0, 1)
        triangles = triangles_of(content, file.array, len(uv))
        mirrors = np.linalg.det(primitive.world[:3, :3]) < 0
        found.append(uv[triangles[:, ::-1] if mirrors else triangles])
    return _finite(np.concatenate(found).astype(np.float32))


def _finite(uv: np.ndarray) -> np.ndarray | None:
    return uv if np.isfinite(uv).all() else None
