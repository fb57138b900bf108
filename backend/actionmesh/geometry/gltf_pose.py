"""Where a primitive's vertices are before anything is animated here: its own morph targets and its skin applied.

glTF has it in this order (sections 3.7.2.2 and 3.7.3): the morph targets by their default weights, then the skin by the
joints as they stand, or the node's transform. A skinned mesh is where its joints put it; its own node's transform is ignored.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .gltf_accessors import entry_of
from .gltf_nodes import roots_of, walk

Array = Callable[[int], np.ndarray]
"""Gives the values of an accessor by its index."""


@dataclass(frozen=True, eq=False)
class Placement:
    """Of a primitive's vertices.

    Args:
        positions: (n, 3) float64 in the primitive's own space, with its own morph targets.
        world: (4, 4) or, of a skin, (n, 4, 4) float64: from there to the scene.
    """

    positions: np.ndarray
    world: np.ndarray

    @property
    def points(self) -> np.ndarray:
        """(n, 3) in the scene."""
        return to_world(self.positions, self.world)

    @property
    def mirrors(self) -> bool:
        """Whether what was outside becomes inside."""
        return bool(np.median(np.sign(np.linalg.det(self.world[..., :3, :3]))) < 0) if self.world.size else False


def to_world(points: np.ndarray, world: np.ndarray) -> np.ndarray:
    """Points (n, 3) under one matrix (4, 4) that moves, turns and stretches, or under one each (n, 4, 4)."""
    if world.ndim == 2:
        return points @ world[:3, :3].T + world[:3, 3]
    return np.einsum("nij,nj->ni", world[:, :3, :3], points) + world[:, :3, 3]


class Poser:
    """Places the primitives of one file; the joints are looked for once.

    Args:
        gltf: the file's JSON.
        array: gives the values of its accessors.
    """

    def __init__(self, gltf: dict, array: Array):
        self._gltf, self._array = gltf, array
        self._skins: dict[int, np.ndarray] = {}
        self._nodes: dict[int, np.ndarray] = {}

    def place(self, node_index: int, world: np.ndarray, content: dict) -> Placement:
        """Place a primitive.

        Args:
            node_index, world: its node, and where that is.
            content: the primitive's JSON.
        Raises:
            ValueError, LookupError, TypeError: its numbers contradict each other.
        """
        node = entry_of(self._gltf, "nodes", node_index)
        positions = self._array(content["attributes"]["POSITION"])
        if positions.shape[1:] != (3,):
            raise ValueError("POSITION is no accessor of VEC3")
        moved = positions.astype(np.float64) + self.morphed(node, content, "POSITION", positions.shape)
        if "skin" in node and "JOINTS_0" in content["attributes"]:
            return Placement(moved, self._skinned(node["skin"], content["attributes"], len(moved)))
        return Placement(moved, world)

    def morphed(self, node: dict, content: dict, attribute: str, shape: tuple[int, ...]) -> np.ndarray:
        """What the primitive's morph targets add to an attribute by the default weights: those of the node, else of the mesh."""
        added = np.zeros(shape)
        for weight, target in zip(weights_of(self._gltf, node), content.get("targets", []), strict=False):
            if weight and attribute in target:
                delta = self._array(target[attribute])
                if delta.shape != shape:
                    raise ValueError(
                        f"a morph target has {delta.shape[0]} values of {attribute} for {shape[0]} vertices"
                    )
                added += weight * delta
        return added

    def _skinned(self, skin: int, attributes: dict, count: int) -> np.ndarray:
        """(n, 4, 4): the matrix of each vertex, a mean of its joints'."""
        joints, matrices = self._joint_matrices(skin), np.zeros((count, 4, 4))
        named, weights = skin_of(attributes, self._array, count)
        if len(named) and named.max() >= len(joints):
            raise ValueError(f"a vertex follows joint {named.max()} of {len(joints)}")
        for column in range(named.shape[1]):
            matrices += weights[:, column, None, None] * joints[named[:, column]]
        return matrices

    def _joint_matrices(self, index: int) -> np.ndarray:
        """(joints, 4, 4): where each joint is, after its inverse bind matrix."""
        if index not in self._skins:
            skin = entry_of(self._gltf, "skins", index)
            places = np.stack([self._node(joint) for joint in skin["joints"]])
            if "inverseBindMatrices" in skin:
                inverse = self._array(skin["inverseBindMatrices"]).astype(np.float64)
                if inverse.shape[1:] != (16,) or len(inverse) < len(places):
                    raise ValueError(
                        f"skins[{index}] has {len(inverse)} inverse bind matrices for {len(places)} joints"
                    )
                places = places @ inverse[: len(places)].reshape(-1, 4, 4).transpose(0, 2, 1)
            self._skins[index] = places
        return self._skins[index]

    def _node(self, index: int) -> np.ndarray:
        if not self._nodes:
            self._nodes = dict(walk(self._gltf, roots_of(self._gltf)))
        if index not in self._nodes:
            raise ValueError(f"joint {index} is no node")
        return self._nodes[index]


def weights_of(gltf: dict, node: dict) -> list[float]:
    """The default weights of a node's morph targets; none are zeros."""
    mesh = entry_of(gltf, "meshes", node["mesh"])
    weights = node.get("weights", mesh.get("weights", []))
    if not isinstance(weights, list) or not all(isinstance(weight, int | float) for weight in weights):
        raise TypeError("the weights of morph targets are no list of numbers")
    return weights


def skin_of(attributes: dict, array: Array, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Each vertex's joints (n, k) int64 and their weights (n, k), whose sum is 1; one without weights follows its first joint."""
    sets = sum(f"JOINTS_{k}" in attributes and f"WEIGHTS_{k}" in attributes for k in range(len(attributes)))
    joints = [array(attributes[f"JOINTS_{k}"]) for k in range(sets)]
    weights = [array(attributes[f"WEIGHTS_{k}"]) for k in range(sets)]
    if not sets or any(values.shape != (count, 4) for values in (*joints, *weights)):
        raise ValueError(f"JOINTS and WEIGHTS are not four for each of {count} vertices")
    share = np.concatenate(weights, axis=1).astype(np.float64)
    if not np.isfinite(share).all() or (share < 0).any():
        raise ValueError("a joint's weight is no number from 0 to 1")
    total = share.sum(axis=1, keepdims=True)
    share[total[:, 0] == 0, 0] = 1
    named = np.concatenate(joints, axis=1).astype(np.int64)
    return np.where(share > 0, named, named[:, :1]), share / np.where(total == 0, 1, total)
