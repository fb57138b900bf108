"""Meshes far away from their node's origin: store vertices relative to their centre, below a node that moves them back.

float32 has about seven digits: a toy a thousand kilometres away would move in visible steps.
"""

import numpy as np

from ..geometry.gltf_scene import has_triangles
from .gltf_document import Document, add_to


def hang_at(document: Document, node_index: int, centre: np.ndarray) -> None:
    """Move a node's mesh to a new child node at `centre`; its surfaces are already relative to `centre`."""
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
