"""The surfaces of a glTF scene: nodes in world space and the triangles of their meshes, in the order of `load_mesh`.

The scene is the file's default scene, else the first; without scenes, all root nodes. Its nodes are visited depth
first, the last sibling first, as trimesh does, and the primitives of a node's mesh in order. Primitives other than
triangle lists, strips and fans are skipped. Skins and the default weights of morph targets are applied: see
`gltf_pose`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .gltf_accessors import entry_of
from .gltf_file import GltfFile
from .gltf_nodes import shown_nodes
from .gltf_pose import Placement, Poser
from .reading import Surface

TRIANGLES, TRIANGLE_STRIP, TRIANGLE_FAN = 4, 5, 6
MOST_PARTS, MOST_VERTICES, MOST_FACES = 50_000, 20_000_000, 40_000_000
"""Limits for a whole scene: a small file can show one mesh very often."""


@dataclass(frozen=True, eq=False)
class Primitive:
    """The mapping from a glTF primitive to vertices of the loaded mesh.

    Args:
        node, mesh, primitive: indices into the file's nodes and meshes, and into the mesh's primitives; instances are
            nodes after the file's own.
        vertices: the slice of `load_mesh(path).vertices` that contains this primitive's POSITION values, in order.
        world: (4, 4) float64, from the values in the file (column vectors) to the vertices, if neither a skin nor a
            morph target moves them.
    """

    node: int
    mesh: int
    primitive: int
    vertices: slice
    world: np.ndarray


def read_gltf(path: Path, data: bytes) -> Surface:
    """Return all primitives in world space; the faces of a mirroring node are flipped, so that they face outward."""
    file = GltfFile(path, data)
    vertices, faces, total = [np.empty((0, 3))], [np.empty((0, 3), np.int64)], 0
    for primitive, content, placed in placed_primitives(file.json, file.array):
        triangles = triangles_of(content, file.array, len(placed.positions)) + primitive.vertices.start
        vertices.append(placed.points)
        faces.append(triangles[:, ::-1] if placed.mirrors else triangles)
        total += len(triangles)
        if total > MOST_FACES:
            raise ValueError(f"it shows more than {MOST_FACES} triangles")
    return np.concatenate(vertices), np.concatenate(faces)


def placed_primitives(gltf: dict, array: Callable[[int], np.ndarray]) -> Iterator[tuple[Primitive, dict, Placement]]:
    """Yield the scene's surfaces, each with its JSON and its placement; `array` returns the values of an accessor."""
    poser = Poser(gltf, array)
    for primitive, content in list(shown_primitives(gltf)):  # listed first, to check the limits before reading
        yield primitive, content, poser.place(primitive.node, primitive.world, content)


def shown_primitives(gltf: dict) -> Iterator[tuple[Primitive, dict]]:
    """Yield the scene's surfaces, each with its JSON.

    Raises:
        ValueError: there are more than MOST_PARTS surfaces, or more than MOST_VERTICES vertices.
    """
    start = parts = 0
    for node, world in shown_nodes(gltf):
        mesh = gltf["nodes"][node].get("mesh")
        contents = entry_of(gltf, "meshes", mesh)["primitives"] if mesh is not None else []
        for index, content in enumerate(contents):
            if has_triangles(content):
                end = start + entry_of(gltf, "accessors", content["attributes"]["POSITION"])["count"]
                parts += 1
                if end > MOST_VERTICES or parts > MOST_PARTS:
                    raise ValueError(f"it shows more than {MOST_VERTICES} vertices or {MOST_PARTS} parts")
                yield Primitive(node, mesh, index, slice(start, end), world), content
                start = end


def has_triangles(content: dict) -> bool:
    """Return whether a primitive, given as JSON, has triangles, not lines or points."""
    mode = content.get("mode", TRIANGLES)
    return mode in (TRIANGLES, TRIANGLE_STRIP, TRIANGLE_FAN) and "POSITION" in content["attributes"]


def triangles_of(content: dict, array: Callable[[int], np.ndarray], count: int) -> np.ndarray:
    """Return the triangles of a primitive (section 3.7.2.1 of the specification).

    Args:
        content: the primitive's JSON.
        array: returns the values of an accessor by its index.
        count: the number of the primitive's vertices.
    Returns:
        (F, 3) int64 indices into the primitive's own vertices; every second triangle of a strip is flipped.
    Raises:
        ValueError: a face refers to a vertex that does not exist, or is incomplete.
    """
    corners = _corners(array(content["indices"])) if "indices" in content else np.arange(count)
    if len(corners) and corners.max() >= count:
        raise ValueError(f"a face refers to vertex {corners.max()} of {count}")
    mode = content.get("mode", TRIANGLES)
    if mode == TRIANGLES:
        return corners.reshape(-1, 3)
    triangles = np.stack([corners[:-2], corners[1:-1], corners[2:]], axis=1)
    if mode == TRIANGLE_FAN:
        triangles[:, 0] = corners[:1]
    else:
        triangles[1::2] = triangles[1::2, ::-1]
    return triangles


def _corners(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind != "u" or values.shape[1] != 1:
        raise ValueError("indices are not unsigned whole numbers")
    return values[:, 0].astype(np.int64)
