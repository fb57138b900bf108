"""Meshes far away from their own node's 0: their vertices count from their middle, where a node of their own puts them.

float32 holds about seven digits: a toy a thousand kilometres away would move in steps.
"""

import numpy as np

from ..geometry.gltf_scene import has_triangles
from ..geometry.reading import centre_if_far
from .gltf_document import Document, add_to

__all__ = ["centre_if_far", "hang_at"]


def hang_at(document: Document, node_index: int, centre: np.ndarray) -> None:
    """Give a node's mesh, whose surfaces count from `centre` already, a node below it that is there."""
    gltf = document.json
    node = gltf["nodes"][node_index]
    for primitive in gltf["meshes"][node["mesh"]]["primitives"]:
        if "POSITION" in primitive["attributes"] and not has_triangles(primitive):
            away = document.array(primitive["attributes"]["POSITION"]).astype(np.float64) - centre
            primitive["attributes"]["POSITION"] = document.add_vectors(away[None])[0]
    below = {key: node.pop(key) for key in ("mesh", "weights") if key in node} | {"translation": centre.tolist()}
    new = add_to(gltf, "nodes", below)
    node["children"] = node.get("children", []) + [new]
    for animation in gltf.get("animations", []):
        for channel in animation["channels"]:
            if channel["target"].get("node") == node_index and channel["target"]["path"] == "weights":
                channel["target"]["node"] = new
