"""Expansion of instances (EXT_mesh_gpu_instancing): each becomes a child of its node, with the node's mesh."""

from collections.abc import Callable

import numpy as np

from .gltf_extensions import forget

INSTANCING = "EXT_mesh_gpu_instancing"
PROPERTIES = {"TRANSLATION": ("translation", 3), "ROTATION": ("rotation", 4), "SCALE": ("scale", 3)}
MOST = 100_000
"""The most instances in a file; each becomes a node, with moving vertices of its own."""


def unfold(gltf: dict, array: Callable[[int], np.ndarray]) -> None:
    """Replace the instances of all nodes with child nodes, and remove the extension.

    Args:
        gltf: the file's JSON.
        array: returns the values of an accessor by its index.
    Raises:
        ValueError, LookupError, TypeError: instances contradict each other, or there are too many.
    """
    nodes, found = gltf.get("nodes", []), False
    for index in range(len(nodes)):
        node = nodes[index]
        if INSTANCING not in node.get("extensions", {}):
            continue
        found = True
        attributes = node["extensions"].pop(INSTANCING)["attributes"]
        if not node["extensions"]:
            del node["extensions"]
        if "mesh" not in node:
            continue
        if "skin" in node:
            raise ValueError(f"nodes[{index}] has instances and a skin")
        made = _instances(node, attributes, array)
        if len(nodes) + len(made) > MOST:
            raise ValueError(f"it shows more than {MOST} instances")
        node.pop("weights", None)
        del node["mesh"]
        node["children"] = node.get("children", []) + list(range(len(nodes), len(nodes) + len(made)))[::-1]
        nodes.extend(made)
    if found:
        forget(gltf, INSTANCING)


def _instances(node: dict, attributes: dict, array: Callable[[int], np.ndarray]) -> list[dict]:
    given = {name: array(attributes[name]).astype(np.float64) for name in PROPERTIES if name in attributes}
    counts = {len(values) for values in given.values()}
    if len(counts) != 1 or any(values.shape[1] != PROPERTIES[name][1] for name, values in given.items()):
        raise ValueError("the numbers of instance translations, rotations and scales differ")
    if "ROTATION" in given:
        given["ROTATION"] /= np.maximum(np.linalg.norm(given["ROTATION"], axis=1, keepdims=True), 1e-30)
    shown = {key: node[key] for key in ("mesh", "weights") if key in node}
    name = node.get("name", "instance")
    return [
        {"name": f"{name} {k}", **shown, **{PROPERTIES[key][0]: values[k].tolist() for key, values in given.items()}}
        for k in range(counts.pop())
    ]
