"""Small glTF files built byte by byte, and a reader that shares no code with the one under test."""

import json
import struct
from pathlib import Path

import cv2
import numpy as np

JSON_CHUNK, BINARY_CHUNK, PRIVATE_CHUNK = 0x4E4F534A, 0x004E4942, 0x58585858
KINDS = {"<f4": 5126, "<u2": 5123, "<u1": 5121, "<i2": 5122, "|u1": 5121, "<u4": 5125}
TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
DTYPES = {5120: "i1", 5126: "<f4", 5123: "<u2", 5121: "<u1", 5122: "<i2", 5125: "<u4"}
TEXTURE = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
PNG = cv2.imencode(".png", TEXTURE[..., ::-1])[1].tobytes()


class Builder:
    """Collects accessors and JSON, then writes a .glb with a private chunk at its end, or a .gltf and a .bin."""

    def __init__(self) -> None:
        self.json: dict = {
            "asset": {"version": "2.0", "generator": "a test"},
            "scene": 0,
            "bufferViews": [],
            "accessors": [],
        }
        self.binary = bytearray()

    def view(self, data: bytes) -> int:
        self.binary += bytes(-len(self.binary) % 4)
        self.json["bufferViews"].append({"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(data)})
        self.binary += data
        return len(self.json["bufferViews"]) - 1

    def accessor(self, values: np.ndarray, **properties: object) -> int:
        values = np.atleast_2d(values.T).T
        kind = values.dtype.newbyteorder("<").str
        entry = {"bufferView": self.view(values.tobytes()), "componentType": KINDS[kind], "count": len(values)}
        entry |= {
            "type": TYPES[values.shape[1]],
            "min": values.min(0).tolist(),
            "max": values.max(0).tolist(),
            **properties,
        }
        self.json["accessors"].append(entry)
        return len(self.json["accessors"]) - 1

    def sparse(
        self, base: np.ndarray | None, places: list[int], values: np.ndarray, count: int = 0, **properties: object
    ) -> int:
        """Add an accessor of `base`, or of zeros, with other values at some places."""
        whole = np.zeros((count, values.shape[1]), values.dtype) if base is None else base.copy()
        whole[places] = values
        index = self.accessor(whole if base is None else base, **properties)
        self.json["accessors"][index] |= {
            "min": whole.min(0).tolist(),
            "max": whole.max(0).tolist(),
            "sparse": {
                "count": len(places),
                "indices": {"bufferView": self.view(np.array(places, "<u2").tobytes()), "componentType": 5123},
                "values": {"bufferView": self.view(values.tobytes())},
            },
        }
        if base is None:
            del self.json["accessors"][index]["bufferView"]
        return index

    def primitive(self, vertices: np.ndarray, faces: np.ndarray, **attributes: np.ndarray) -> dict:
        named = {name: self.accessor(values) for name, values in attributes.items()}
        position = self.accessor(vertices.astype("<f4"))
        return {"attributes": {"POSITION": position, **named}, "indices": self.accessor(faces.astype("<u2").ravel())}

    def save(self, path: Path) -> Path:
        gltf = self.json | {"buffers": [{"byteLength": len(self.binary), "name": "kept"}]}
        chunks = [(JSON_CHUNK, json.dumps(gltf).encode(), b" "), (BINARY_CHUNK, bytes(self.binary), b"\0")]
        chunks.append((PRIVATE_CHUNK, b"private!", b"\0"))
        path.write_bytes(pack(chunks))
        return path

    def save_apart(self, path: Path) -> Path:
        gltf = self.json | {"buffers": [{"byteLength": len(self.binary), "uri": "all.bin"}]}
        (path.parent / "all.bin").write_bytes(self.binary)
        path.write_text(json.dumps(gltf))
        return path


def pack(chunks: list[tuple[int, bytes, bytes]]) -> bytes:
    body = b""
    for kind, data, filler in chunks:
        data += filler * (-len(data) % 4)
        body += struct.pack("<II", len(data), kind) + data
    return struct.pack("<III", 0x46546C67, 2, 12 + len(body)) + body


def grid(side: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return a bumpy patch: (side^2, 3) float32 vertices, all at different places, and triangles."""
    x, y = np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side))
    bumps = np.random.default_rng(seed).normal(0, 0.2, side * side)
    vertices = np.stack([x.ravel(), y.ravel(), bumps], axis=1).astype(np.float32)
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    lower = np.stack([corner, corner + 1, corner + side], axis=1)
    upper = np.stack([corner + 1, corner + side + 1, corner + side], axis=1)
    return vertices, np.concatenate([lower, upper])


def unit_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    normals = np.zeros_like(vertices, dtype=np.float64)
    corners = vertices[faces].astype(np.float64)
    for k in range(3):
        np.add.at(normals, faces[:, k], np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))
    return (normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype(np.float32)


def textured(builder: Builder, primitive: dict) -> dict:
    """Give a primitive a material with a picture and details that no reader here knows."""
    gltf = builder.json
    gltf["images"] = [{"bufferView": builder.view(PNG), "mimeType": "image/png", "name": "skin"}]
    gltf["samplers"] = [{"magFilter": 9728, "wrapS": 33071}]
    gltf["textures"] = [{"source": 0, "sampler": 0}]
    shading = {"baseColorTexture": {"index": 0}, "metallicFactor": 0.25}
    gltf["materials"] = [
        {"name": "coat", "pbrMetallicRoughness": shading, "extensions": {"EXAMPLE_fur": {"length": 0.125}}}
    ]
    gltf["extensionsUsed"] = ["EXAMPLE_fur"]
    return primitive | {"material": 0, "extras": {"layer": 3}}


def rich_scene() -> Builder:
    """Build turned, stretched and shared meshes, two surfaces and lines in one mesh, a texture and extras."""
    builder = Builder()
    vertices, faces = grid()
    uv = (vertices[:, :2] / 2 + 0.5).astype("<f4")
    body = textured(builder, builder.primitive(vertices, faces, NORMAL=unit_normals(vertices, faces), TEXCOORD_0=uv))
    belt = builder.primitive(*grid(3, seed=1))
    lines = {"attributes": {"POSITION": builder.accessor(vertices[:4])}, "mode": 1}
    hand = builder.primitive(*grid(3, seed=2))
    builder.json |= {
        "scenes": [{"nodes": [0], "extras": {"shot": 12}}],
        "nodes": [
            {"name": "root", "translation": [1, 2, 3], "rotation": [0, 0.6, 0, 0.8], "children": [1, 2, 3]},
            {"name": "body", "mesh": 0, "scale": [2, 1, 0.5], "extras": {"artist": "ü"}},
            {"name": "left", "mesh": 1, "matrix": [0, 1, 0, 0, -1, 0, 0, 0, 0, 0, 1, 0, 4, 5, 6, 1]},
            {"name": "right", "mesh": 1, "translation": [-4, 0, 0], "scale": [-1, 1, 1]},
        ],
        "meshes": [{"name": "torso", "primitives": [body, belt, lines]}, {"name": "hand", "primitives": [hand]}],
        "extras": {"project": "kept"},
    }
    return builder


def unpack(data: bytes) -> tuple[dict, bytes, list[tuple[int, bytes]]]:
    """Return the JSON, the binary chunk and the other chunks of a .glb."""
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    chunks, offset = [], 12
    while offset < length:
        size, kind = struct.unpack_from("<II", data, offset)
        assert size % 4 == 0
        chunks.append((kind, data[offset + 8 : offset + 8 + size]))
        offset += 8 + size
    kinds = [kind for kind, _ in chunks]
    assert kinds[:2] == [JSON_CHUNK, BINARY_CHUNK]
    return json.loads(chunks[0][1]), chunks[1][1], chunks[2:]


class Player:
    """Evaluates a .glb as a viewer does: morph targets by the first animation's weights, then the node's transform."""

    def __init__(self, path: Path):
        self.json, self.binary, self.other_chunks = unpack(path.read_bytes())

    def values(self, index: int) -> np.ndarray:
        entry = self.json["accessors"][index]
        width = {name: width for width, name in TYPES.items()}[entry["type"]]
        kind = np.dtype(DTYPES[entry["componentType"]])
        values = (
            self.rows(entry, entry["count"], kind, width)
            if "bufferView" in entry
            else np.zeros((entry["count"], width))
        )
        if "sparse" in entry:
            sparse = entry["sparse"]
            places = self.rows(
                sparse["indices"], sparse["count"], np.dtype(DTYPES[sparse["indices"]["componentType"]]), 1
            )
            for place, row in zip(places[:, 0], self.rows(sparse["values"], sparse["count"], kind, width), strict=True):
                values[place] = row
        if "min" in entry:
            np.testing.assert_array_equal(values.min(0), np.array(entry["min"], kind))
            np.testing.assert_array_equal(values.max(0), np.array(entry["max"], kind))
        return values

    def decoded(self, index: int) -> np.ndarray:
        """Return the values as float64; normalised integers range from -1 or 0 to 1."""
        values, entry = self.values(index), self.json["accessors"][index]
        return (
            np.maximum(values / np.iinfo(values.dtype).max, -1)
            if entry.get("normalized")
            else values.astype(np.float64)
        )

    def rows(self, entry: dict, count: int, kind: np.dtype, width: int) -> np.ndarray:
        """Return the (count, width) numbers of the buffer view that an accessor, or part of a sparse one, names."""
        view = self.json["bufferViews"][entry["bufferView"]]
        stride = view.get("byteStride", kind.itemsize * width)
        start = view.get("byteOffset", 0) + entry.get("byteOffset", 0)
        assert start + stride * (count - 1) + kind.itemsize * width <= view.get("byteOffset", 0) + view["byteLength"]
        rows = [self.binary[start + k * stride :][: kind.itemsize * width] for k in range(count)]
        return np.frombuffer(b"".join(rows), kind).reshape(-1, width).copy()

    def weights(self, node: int, time: float) -> np.ndarray:
        animation = self.json["animations"][0]
        channel = next(c for c in animation["channels"] if c["target"] == {"node": node, "path": "weights"})
        sampler = animation["samplers"][channel["sampler"]]
        assert sampler["interpolation"] == "LINEAR"
        times = self.values(sampler["input"])[:, 0]
        keys = self.values(sampler["output"]).reshape(len(times), -1)
        return np.array([np.interp(time, times, keys[:, k]) for k in range(keys.shape[1])])

    def morphed(self, node: int, primitive: dict, attribute: str, time: float) -> np.ndarray:
        """Return morphed positions in the primitive's space, (n, 3)."""
        weights = self.weights(node, time)
        assert len(primitive["targets"]) == len(weights)
        values = self.decoded(primitive["attributes"][attribute])
        for weight, target in zip(weights, primitive["targets"], strict=True):
            if weight:
                values = values + weight * self.values(target[attribute])
        return values

    def pose(self, time: float) -> np.ndarray:
        """Return the world positions of all triangle primitives, (V, 3)."""
        parts = []
        for node, primitive, matrix in self.surfaces():
            parts.append(self.morphed(node, primitive, "POSITION", time) @ matrix[:3, :3].T + matrix[:3, 3])
        return np.concatenate(parts)

    def surfaces(self) -> list[tuple[int, dict, np.ndarray]]:
        """Yield node, primitive and world matrix in trimesh's order: the last sibling first."""
        found: list[tuple[int, dict, np.ndarray]] = []

        def visit(index: int, parent: np.ndarray) -> None:
            node = self.json["nodes"][index]
            matrix = parent @ local_matrix(node)
            if "mesh" in node:
                primitives = self.json["meshes"][node["mesh"]]["primitives"]
                found.extend(
                    (index, primitive, matrix) for primitive in primitives if primitive.get("mode", 4) in (4, 5, 6)
                )
            for child in reversed(node.get("children", [])):
                visit(child, matrix)

        for root in reversed(self.json["scenes"][self.json["scene"]]["nodes"]):
            visit(root, np.eye(4))
        return found


def local_matrix(node: dict) -> np.ndarray:
    if "matrix" in node:
        return np.array(node["matrix"], float).reshape(4, 4, order="F")
    x, y, z, w = node.get("rotation", (0, 0, 0, 1))
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ np.diag(node.get("scale", (1, 1, 1)))
    matrix[:3, 3] = node.get("translation", (0, 0, 0))
    return matrix
