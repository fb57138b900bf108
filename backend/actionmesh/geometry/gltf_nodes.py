"""The nodes of a glTF file in world space. Nothing recurses, because a tree may be thousands of levels deep."""

from collections.abc import Iterator

import numpy as np
from scipy.spatial.transform import Rotation

from .gltf_accessors import entry_of


def shown_nodes(gltf: dict) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the shown scene's nodes and their world matrices (4, 4), depth first, last sibling first."""
    scenes = gltf.get("scenes") or [{"nodes": roots_of(gltf)}]
    chosen = entry_of({"scenes": scenes}, "scenes", gltf.get("scene", 0))
    yield from walk(gltf, chosen.get("nodes", []))


def walk(gltf: dict, roots: list[int]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the nodes at and below `roots`, as `shown_nodes` does.

    Raises:
        ValueError: a node occurs twice, as in a loop.
    """
    stack = [(root, np.eye(4)) for root in roots]
    seen = set()
    while stack:
        index, parent = stack.pop()
        if index in seen:
            raise ValueError(f"node {index} is in the scene twice")
        seen.add(index)
        node = entry_of(gltf, "nodes", index)
        world = parent @ node_matrix(node, index)
        yield index, world
        stack += [(child, world) for child in node.get("children", [])]


def roots_of(gltf: dict) -> list[int]:
    """Return the nodes that have no parent."""
    nodes = gltf.get("nodes", [])
    children = {child for node in nodes for child in node.get("children", [])}
    return [index for index in range(len(nodes)) if index not in children]


def node_matrix(node: dict, index: int) -> np.ndarray:
    """Return the node's matrix, stored by columns, or translation @ rotation @ scale: (4, 4) float64.

    Raises:
        ValueError: the rotation is zero, or a list has the wrong number of values.
    """
    if "matrix" in node:
        return _numbers(node["matrix"], 16, f"nodes[{index}].matrix").reshape(4, 4).T
    matrix = np.eye(4)
    turn = _numbers(node.get("rotation", (0, 0, 0, 1)), 4, f"nodes[{index}].rotation")
    if not turn.any():
        raise ValueError(f"nodes[{index}] has the invalid rotation [0, 0, 0, 0]; the identity is [0, 0, 0, 1]")
    scale = _numbers(node.get("scale", (1, 1, 1)), 3, f"nodes[{index}].scale")
    matrix[:3, :3] = Rotation.from_quat(turn).as_matrix() * scale
    matrix[:3, 3] = _numbers(node.get("translation", (0, 0, 0)), 3, f"nodes[{index}].translation")
    return matrix


def _numbers(values: object, count: int, what: str) -> np.ndarray:
    numbers = np.array(values, np.float64)
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise ValueError(f"{what} is not {count} numbers")
    return numbers
