"""All morph targets of a .glb with fewer bits, within an error that is asked for.

The mesh at rest does not change by a bit. Where the moves are longer than 1, or short beside it, the mesh and its
targets are divided by a power of two, and the node or the skin multiplies by it.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .codes import FLOAT, Coding, coded_moves, coded_turns, coding_for, decoded
from .container import Container

USUAL_ERROR = 0.05
"""Percent of the mesh's size, the diagonal of its box."""
EXTENSION, INSTANCES, DRACO = "KHR_mesh_quantization", "EXT_mesh_gpu_instancing", "KHR_draco_mesh_compression"
POINTER = "KHR_animation_pointer"


class Compacted(NamedTuple):
    """A smaller file.

    Args:
        data: the .glb.
        error: the farthest that a vertex is from its place in any target, in percent of its mesh's size.
    """

    data: bytes
    error: float


def compact(data: bytes, most: float, kept_accessors: int = 0, kept_views: int = 0) -> Compacted:
    """Return a .glb with smaller morph targets.

    Args:
        data: a .glb with one buffer.
        most: the largest error of a vertex in a target, in percent of its mesh's size.
        kept_accessors, kept_views: so many of them are older than the animation; targets among them stay as they are.
    Raises:
        ValueError, KeyError, struct.error: it is not such a file.
    """
    rewriting = _Rewriting(Container(data, kept_views), most / 100, kept_accessors)
    for index in range(len(rewriting.file.json.get("meshes", []))):
        rewriting.mesh(index)
    return Compacted(rewriting.file.to_glb(), 100 * rewriting.error)


class _Rewriting:
    def __init__(self, file: Container, most: float, kept: int) -> None:
        self.file, self.most, self.kept, self.error = file, most, kept, 0.0
        self._uses = Counter(_accessors_of(file.json))
        self._done: dict[tuple, int] = {}

    def mesh(self, index: int) -> None:
        primitives = [part for part in self.file.json["meshes"][index]["primitives"] if self._new_moves(part)]
        nodes = [node for node in self.file.json.get("nodes", []) if node.get("mesh") == index]
        size = self._size(primitives)
        if not size:
            return
        longest = max(float(np.abs(move).max(initial=0)) for part in primitives for move in self._moves(part))
        coding = coding_for(longest, self.most * size, self._may_scale(index, nodes))
        self._scale_mesh(index, nodes, coding.scale)
        for primitive in primitives:
            self._targets(primitive, coding, size)

    def _new_moves(self, primitive: dict[str, Any]) -> list[int]:
        """Return the accessors of positions in a primitive's targets that are not older than the animation."""
        found = [target["POSITION"] for target in primitive.get("targets", []) if "POSITION" in target]
        return [accessor for accessor in found if accessor >= self.kept and self._is_float(accessor)]

    def _is_float(self, accessor: int) -> bool:
        return bool(self.file.accessors[accessor]["componentType"] == 5126)

    def _moves(self, primitive: dict[str, Any]) -> Iterator[np.ndarray]:
        return (self.file.array(accessor) for accessor in self._new_moves(primitive))

    def _size(self, primitives: list[dict[str, Any]]) -> float:
        """Return the diagonal of a mesh's box; 0 if it has none."""
        entries = [self.file.accessors[part["attributes"]["POSITION"]] for part in primitives]
        if not entries or not all("min" in entry and "max" in entry for entry in entries):
            return 0.0
        unit = {5120: 127, 5121: 255, 5122: 32767, 5123: 65535}
        ends = [
            np.array([entry["min"], entry["max"]]) / (unit[entry["componentType"]] if entry.get("normalized") else 1)
            for entry in entries
        ]
        low, high = np.min(ends, axis=(0, 1)), np.max(ends, axis=(0, 1))
        return float(np.linalg.norm(high - low))

    def _may_scale(self, index: int, nodes: list[dict[str, Any]]) -> bool:
        """Return whether a mesh can be divided by a number that its nodes and skins multiply by."""
        parts = self.file.json["meshes"][index]["primitives"]
        plain = all(
            "POSITION" in part["attributes"]
            and self._is_float(part["attributes"]["POSITION"])
            and "sparse" not in self.file.accessors[part["attributes"]["POSITION"]]
            and DRACO not in part.get("extensions", {})
            for part in parts
        )
        return plain and not any(INSTANCES in node.get("extensions", {}) for node in nodes)

    def _targets(self, primitive: dict[str, Any], coding: Coding, size: float) -> None:
        normals = self._normals(primitive)
        for target in primitive["targets"]:
            for name in ("POSITION", "NORMAL"):
                if name in target and target[name] >= self.kept and self._is_float(target[name]):
                    old = target[name]
                    key = (old, name, coding, primitive["attributes"].get("NORMAL"))
                    if key not in self._done:
                        self._done[key] = self._put(
                            target[name], self._entry(target[name], name, coding, normals, size)
                        )
                    target[name] = self._done[key]

    def _normals(self, primitive: dict[str, Any]) -> np.ndarray | None:
        accessor = primitive["attributes"].get("NORMAL")
        return (
            None if accessor is None or DRACO in primitive.get("extensions", {}) else decoded(self.file.array(accessor))
        )

    def _entry(
        self, accessor: int, name: str, coding: Coding, normals: np.ndarray | None, size: float
    ) -> dict[str, Any]:
        values = self.file.array(accessor).astype(np.float64)
        if name == "POSITION":
            numbers = coded_moves(values, coding, self.most * size)
            gaps = np.linalg.norm(decoded(numbers, coding.scale) - values, axis=1)
            self.error = max(self.error, float(gaps.max(initial=0)) / size)
        else:
            numbers = values.astype(FLOAT) if normals is None else coded_turns(normals, values)
        if numbers.dtype != FLOAT:
            self.file.require(EXTENSION)
        return self.file.vectors(numbers)

    def _put(self, accessor: int, entry: dict[str, Any]) -> int:
        """Put an entry in the place of an accessor that nothing else uses, or after all others; return its number."""
        if self._uses[accessor] > 1:
            self._uses[accessor] -= 1
            return self.file.add_accessor(entry)
        self.file.accessors[accessor] = entry
        return accessor

    def _scale_mesh(self, index: int, nodes: list[dict[str, Any]], scale: float) -> None:
        if scale == 1:
            return
        for primitive in self.file.json["meshes"][index]["primitives"]:
            self._divide(primitive["attributes"], scale)
            for target in primitive.get("targets", []):
                if "POSITION" in target and (target["POSITION"] < self.kept or not self._new_moves(primitive)):
                    self._divide(target, scale)
        for node in nodes:
            if "skin" in node:
                node["skin"] = self._scaled_skin(node["skin"], scale)
            else:
                self._scale_node(node, scale)

    def _divide(self, attributes: dict[str, int], scale: float) -> None:
        """Divide positions, which is exact for floats and a power of two."""
        accessor = attributes["POSITION"]
        values = decoded(self.file.array(accessor)) / scale
        if self._uses[accessor] == 1 and "sparse" not in self.file.accessors[accessor] and self._is_float(accessor):
            self.file.write(accessor, values.astype(FLOAT))
            return
        self._uses[accessor] -= 1
        view = self.file.add_view(values.astype(FLOAT).tobytes(), byteStride=12, target=34962)
        entry = {"bufferView": view, "componentType": 5126, "count": len(values), "type": "VEC3"}
        bounds = {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        attributes["POSITION"] = self.file.add_accessor(entry | bounds)

    def _scaled_skin(self, index: int, scale: float) -> int:
        key = ("skin", index, scale)
        if key not in self._done:
            skins = self.file.json["skins"]
            skin = dict(skins[index])
            matrices = np.tile(np.eye(4, dtype="<f4").ravel(), (len(skin["joints"]), 1))
            if "inverseBindMatrices" in skin:
                matrices = self.file.array(skin["inverseBindMatrices"]).copy()
            matrices[:, :12] *= scale
            skin["inverseBindMatrices"] = self.file.add_accessor(self.file.matrices(matrices))
            skins.append(skin)
            self._done[key] = len(skins) - 1
        return self._done[key]

    def _scale_node(self, node: dict[str, Any], scale: float) -> None:
        """Scale what a node shows: itself if it has nothing else, or a new node below it."""
        nodes = self.file.json["nodes"]
        index = next(number for number, entry in enumerate(nodes) if entry is node)
        targets = [
            channel["target"] for animation in self.file.json.get("animations", []) for channel in animation["channels"]
        ]
        channels = [target for target in targets if target.get("node") == index]
        pointers = [target["extensions"][POINTER] for target in targets if _points_at(target, index)]
        alone = not (node.get("children") or pointers or any(target["path"] == "scale" for target in channels))
        if alone and "matrix" in node:
            node["matrix"] = [value * scale if place < 12 else value for place, value in enumerate(node["matrix"])]
        elif alone:
            node["scale"] = [value * scale for value in node.get("scale", (1.0, 1.0, 1.0))]
        else:
            below = {name: node.pop(name) for name in ("mesh", "weights") if name in node} | {"scale": [scale] * 3}
            node["children"] = [*node.get("children", []), len(nodes)]
            nodes.append(below)
            for target in channels:
                if target["path"] == "weights":
                    target["node"] = len(nodes) - 1
            for pointer in pointers:
                first, last = f"/nodes/{index}/weights", f"/nodes/{len(nodes) - 1}/weights"
                pointer["pointer"] = pointer["pointer"].replace(first, last)


def _points_at(target: dict[str, Any], node: int) -> bool:
    """Return whether a channel animates something of a node that its pointer names."""
    try:
        return bool(target["extensions"][POINTER]["pointer"].startswith(f"/nodes/{node}/"))
    except (AttributeError, KeyError, TypeError):  # these channels are not checked when a file is read
        return False


def _accessors_of(gltf: dict[str, Any]) -> Iterator[int]:
    """Yield the accessor of each use."""
    for mesh in gltf.get("meshes", []):
        for part in mesh["primitives"]:
            yield from (part["indices"],) if "indices" in part else ()
            for attributes in (part["attributes"], *part.get("targets", [])):
                yield from attributes.values()
    for animation in gltf.get("animations", []):
        for sampler in animation["samplers"]:
            yield from (sampler["input"], sampler["output"])
    yield from (skin["inverseBindMatrices"] for skin in gltf.get("skins", []) if "inverseBindMatrices" in skin)
