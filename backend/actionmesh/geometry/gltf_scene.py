"""What a glTF scene shows: the nodes in world space and the triangles of their meshes, in the order of `load_mesh`.

The nodes of the shown scene (else of the first; all root nodes if there is none) are walked depth first, the last
sibling first, as trimesh does; in a node, the primitives of its mesh in order. Those that are not triangles (in lists,
strips or fans) are left out. Skins and the weights of morph targets are not applied.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from .gltf_file import GltfFile
from .reading import Surface

TRIANGLES, TRIANGLE_STRIP, TRIANGLE_FAN = 4, 5, 6


@dataclass(frozen=True, eq=False)
class Primitive:
    """Which of a mesh's vertices are which of a glTF file's.

    Args:
        node, mesh, primitive: indices into the file's nodes and meshes, and into the mesh's primitives.
        vertices: the slice of `load_mesh(path).vertices` that holds this primitive's POSITION values, in order.
        world: (4, 4) float64, from the values in the file (column vectors) to the vertices.
    """

    node: int
    mesh: int
    primitive: int
    vertices: slice
    world: np.ndarray


def read_gltf(path: Path, data: bytes) -> Surface:
    """All primitives in world space; a node that mirrors turns its faces over, so that outside stays outside."""
    file = GltfFile(path, data)
    vertices, faces = [np.empty((0, 3))], [np.empty((0, 3), np.int64)]
    for primitive, content in shown_primitives(file.json):
        local = file.array(content["attributes"]["POSITION"]).astype(np.float64)
        triangles = triangles_of(content, file.array, len(local)) + primitive.vertices.start
        mirrors = np.linalg.det(primitive.world[:3, :3]) < 0
        vertices.append(to_world(local, primitive.world))
        faces.append(triangles[:, ::-1] if mirrors else triangles)
    return np.concatenate(vertices), np.concatenate(faces)


def shown_primitives(gltf: dict) -> Iterator[tuple[Primitive, dict]]:
    """The scene's surfaces, each with its JSON."""
    start = 0
    for node, world in _shown_nodes(gltf):
        mesh = gltf["nodes"][node].get("mesh")
        contents = gltf["meshes"][mesh]["primitives"] if mesh is not None else []
        for index, content in enumerate(contents):
            if has_triangles(content):
                end = start + gltf["accessors"][content["attributes"]["POSITION"]]["count"]
                yield Primitive(node, mesh, index, slice(start, end), world), content
                start = end


def has_triangles(content: dict) -> bool:
    """Whether a primitive, given as its JSON, is part of the surface, not lines or points."""
    mode = content.get("mode", TRIANGLES)
    return mode in (TRIANGLES, TRIANGLE_STRIP, TRIANGLE_FAN) and "POSITION" in content["attributes"]


def triangles_of(content: dict, array: Callable[[int], np.ndarray], count: int) -> np.ndarray:
    """The triangles of a primitive (section 3.7.2.1 of the specification).

    Args:
        content: the primitive's JSON.
        array: gives the values of an accessor by its index.
        count: how many vertices the primitive has.
    Returns:
        (F, 3) int64 indices into the primitive's own vertices; a strip turns every second triangle over.
    Raises:
        ValueError: a face names a vertex that is not there, or is incomplete.
    """
    corners = array(content["indices"])[:, 0].astype(np.int64) if "indices" in content else np.arange(count)
    if len(corners) and corners.max() >= count:
        raise ValueError(f"a face names vertex {corners.max()} of {count}")
    mode = content.get("mode", TRIANGLES)
    if mode == TRIANGLES:
        return corners.reshape(-1, 3)
    triangles = np.stack([corners[:-2], corners[1:-1], corners[2:]], axis=1)
    if mode == TRIANGLE_FAN:
        triangles[:, 0] = corners[:1]
    else:
        triangles[1::2] = triangles[1::2, ::-1]
    return triangles


def to_world(points: np.ndarray, world: np.ndarray) -> np.ndarray:
    """Points (n, 3) under a (4, 4) matrix that moves, turns and stretches."""
    return points @ world[:3, :3].T + world[:3, 3]


def _shown_nodes(gltf: dict) -> Iterator[tuple[int, np.ndarray]]:
    """The shown scene's nodes and their world matrices, last sibling first."""
    nodes = gltf.get("nodes", [])
    children = {child for node in nodes for child in node.get("children", [])}
    scenes = gltf.get("scenes") or [{"nodes": [index for index in range(len(nodes)) if index not in children]}]
    stack = [(root, np.eye(4)) for root in scenes[gltf.get("scene", 0)].get("nodes", [])]
    seen = set()
    while stack:
        index, parent = stack.pop()
        if index in seen:
            raise ValueError(f"node {index} is in the scene twice")
        seen.add(index)
        world = parent @ _node_matrix(nodes[index])
        yield index, world
        stack += [(child, world) for child in nodes[index].get("children", [])]


def _node_matrix(node: dict) -> np.ndarray:
    """(4, 4) float64: the node's matrix, stored by columns, or translation @ rotation @ scale."""
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    matrix = np.eye(4)
    turn = Rotation.from_quat(node.get("rotation", (0, 0, 0, 1))).as_matrix()
    matrix[:3, :3] = turn * np.array(node.get("scale", (1, 1, 1)), np.float64)
    matrix[:3, 3] = node.get("translation", (0, 0, 0))
    return matrix
