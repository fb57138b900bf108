"""The rest pose of a primitive: the positions of its vertices with its own morph targets and skin applied.

glTF applies, in this order (sections 3.7.2.2 and 3.7.3), the morph targets with their default weights, then the skin
with the current joints, or the node's transform. The joints place a skinned mesh; the transform of its own node is
ignored.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .gltf_accessors import entry_of
from .gltf_nodes import roots_of, walk

Array = Callable[[int], np.ndarray]
"""Returns the values of an accessor by its index."""


@dataclass(frozen=True, eq=False)
class Placement:
    """The placement of a primitive's vertices in the scene.

    Args:
        positions: (n, 3) float64 in the primitive's own space, with its own morph targets.
        world: from the primitive's space to the scene: (4, 4) float64, or (n, 4, 4) for a skin.
    """

    positions: np.ndarray
    world: np.ndarray

    @property
    def points(self) -> np.ndarray:
        """The vertices in the scene, (n, 3)."""
        return to_world(self.positions, self.world)

    @property
    def mirrors(self) -> bool:
        """Whether the placement turns the surface inside out."""
        return bool(np.median(np.sign(np.linalg.det(self.world[..., :3, :3]))) < 0) if self.world.size else False


def to_world(points: np.ndarray, world: np.ndarray) -> np.ndarray:
    """Return points (n, 3) transformed by one affine matrix (4, 4), or by one matrix each (n, 4, 4)."""
    if world.ndim == 2:
        return points @ world[:3, :3].T + world[:3, 3]
    return np.einsum("nij,nj->ni", world[:, :3, :3], points) + world[:, :3, 3]


class Poser:
    """Places the primitives of one file; joints are located once.

    Args:
        gltf: the file's JSON.
        array: returns the values of an accessor by its index.
    """

    def __init__(self, gltf: dict, array: Array):
        self._gltf, self._array = gltf, array
        self._skins: dict[int, np.ndarray] = {}
        self._nodes: dict[int, np.ndarray] = {}

    def place(self, node_index: int, world: np.ndarray, content: dict) -> Placement:
        """Return the placement of a primitive.

        Args:
            node_index, world: the primitive's node and the node's world matrix (4, 4).
            content: the primitive's JSON.
        Raises:
            ValueError, LookupError, TypeError: the primitive's values contradict each other.
        """
        node = entry_of(self._gltf, "nodes", node_index)
        positions = self._array(content["attributes"]["POSITION"])
        if positions.shape[1:] != (3,):
            raise ValueError("POSITION is not an accessor of VEC3")
        moved = positions.astype(np.float64) + self.morphed(node, content, "POSITION", positions.shape)
        if "skin" in node and "JOINTS_0" in content["attributes"]:
            return Placement(moved, self._skinned(node["skin"], content["attributes"], len(moved)))
        return Placement(moved, world)

    def morphed(self, node: dict, content: dict, attribute: str, shape: tuple[int, ...]) -> np.ndarray:
        """Return what the primitive's morph targets add to an attribute with their default weights.

        The weights are the node's, or the mesh's if the node has none.
        """
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
        """Return each vertex's matrix, the weighted mean of its joints' matrices: (n, 4, 4)."""
        joints, matrices = self._joint_matrices(skin), np.zeros((count, 4, 4))
        named, weights = skin_of(attributes, self._array, count)
        if len(named) and named.max() >= len(joints):
            raise ValueError(f"a vertex follows joint {named.max()} of {len(joints)}")
        for column in range(named.shape[1]):
            matrices += weights[:, column, None, None] * joints[named[:, column]]
        return matrices

    def _joint_matrices(self, index: int) -> np.ndarray:
        """Return each joint's world matrix times its inverse bind matrix: (joints, 4, 4)."""
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
            raise ValueError(f"joint {index} is not a node")
        return self._nodes[index]


def weights_of(gltf: dict, node: dict) -> list[float]:
    """Return the default weights of a node's morph targets; an empty list means zeros."""
    mesh = entry_of(gltf, "meshes", node["mesh"])
    weights = node.get("weights", mesh.get("weights", []))
    if not isinstance(weights, list) or not all(isinstance(weight, int | float) for weight in weights):
        raise TypeError("the weights of morph targets are not a list of numbers")
    return weights


def skin_of(attributes: dict, array: Array, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return each vertex's joints (n, k) int64 and their weights (n, k), which sum to 1.

    A vertex whose weights are all 0 follows its first joint.
    """
    sets = sum(f"JOINTS_{k}" in attributes and f"WEIGHTS_{k}" in attributes for k in range(len(attributes)))
    joints = [array(attributes[f"JOINTS_{k}"]) for k in range(sets)]
    weights = [array(attributes[f"WEIGHTS_{k}"]) for k in range(sets)]
    if not sets or any(values.shape != (count, 4) for values in (*joints, *weights)):
        raise ValueError(f"JOINTS and WEIGHTS are not four for each of {count} vertices")
    share = np.concatenate(weights, axis=1).astype(np.float64)
    if not np.isfinite(share).all() or (share < 0).any():
        raise ValueError("a joint's weight is negative or not a number")
    total = share.sum(axis=1, keepdims=True)
    share[total[:, 0] == 0, 0] = 1
    named = np.concatenate(joints, axis=1).astype(np.int64)
    return np.where(share > 0, named, named[:, :1]), share / np.where(total == 0, 1, total)
