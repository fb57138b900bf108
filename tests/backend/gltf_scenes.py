"""Scenes that use features of glTF and its extensions, each with the points (V, 3) that it shows."""

from collections.abc import Callable

import numpy as np

from tests.backend.gltf_files import Builder, Player, grid, local_matrix, textured, unit_normals

Scene = tuple[Builder, np.ndarray]
S = np.sqrt(0.5)


def one(builder: Builder, primitive: dict, **node: object) -> Builder:
    builder.json |= {
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, **node}],
        "meshes": [{"primitives": [primitive]}],
    }
    return builder


def skinned() -> Scene:
    """Build Z-up vertices in centimetres under an armature of -90 degrees around X and scale 0.01; uint8 joints."""
    builder, (vertices, faces) = Builder(), grid()
    flat = np.stack([vertices[:, 0], -vertices[:, 2], vertices[:, 1]], axis=1).astype("<f4") * np.float32(100)
    joints = np.zeros((len(vertices), 4), "u1")
    weights = np.tile(np.array([1, 0, 0, 0], "<f4"), (len(vertices), 1))
    primitive = builder.primitive(flat, faces, JOINTS_0=joints, WEIGHTS_0=weights, NORMAL=unit_normals(flat, faces))
    one(builder, primitive, skin=0, translation=[5, 6, 7], scale=[3, 3, 3])
    builder.json["nodes"] += [{"children": [2], "rotation": [-S, 0, 0, S], "scale": [0.01] * 3}, {"name": "bone"}]
    builder.json["scenes"][0]["nodes"].append(1)
    identity = builder.accessor(np.eye(4, dtype="<f4").reshape(1, 16))
    builder.json["skins"] = [{"joints": [2], "inverseBindMatrices": identity}]
    turned = np.stack([flat[:, 0], flat[:, 2], -flat[:, 1]], axis=1) / 100
    return builder, turned.astype(np.float64)


def bent() -> Scene:
    """Build two joints, the second turned by 60 degrees, and weights between them as normalised bytes."""
    builder, (vertices, faces) = Builder(), grid()
    share = np.rint((vertices[:, 0] + 1) / 2 * 255).astype("u1")
    weights = np.stack([255 - share, share, 0 * share, 0 * share], axis=1)
    joints = np.zeros((len(vertices), 4), "u1")
    joints[:, 1] = share > 0
    primitive = builder.primitive(vertices, faces, JOINTS_0=joints, NORMAL=unit_normals(vertices, faces))
    primitive["attributes"]["WEIGHTS_0"] = builder.accessor(weights, normalized=True)
    one(builder, primitive, skin=0)
    turn = [0, 0, float(np.sin(np.pi / 6)), float(np.cos(np.pi / 6))]
    builder.json["nodes"] += [{"children": [2]}, {"rotation": turn, "translation": [0.5, 0, 0]}]
    builder.json["nodes"][1]["name"] = "root bone"
    builder.json["scenes"][0]["nodes"].append(1)
    inverse = np.stack([np.eye(4), np.eye(4)]).astype("<f4")
    inverse[1, 3, 0] = -0.5  # by columns: the second joint rests at x = 0.5
    builder.json["skins"] = [{"joints": [1, 2], "inverseBindMatrices": builder.accessor(inverse.reshape(2, 16))}]
    away = vertices.astype(np.float64) - (0.5, 0, 0)
    c, s = 0.5, np.sqrt(0.75)
    turned = away @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T + (0.5, 0, 0)
    part = share[:, None] / 255
    return builder, (1 - part) * vertices + part * turned


def morphed() -> Scene:
    """Build two morph targets, whose default weights are 0.5 on the node and otherwise on the mesh."""
    builder, (vertices, faces) = Builder(), grid()
    primitive = builder.primitive(vertices, faces, NORMAL=unit_normals(vertices, faces))
    shifts = np.random.default_rng(4).normal(0, 0.4, (2, len(vertices), 3)).astype("<f4")
    primitive["targets"] = [{"POSITION": builder.accessor(shift)} for shift in shifts]
    one(builder, primitive, weights=[0.5, 0.0], translation=[1, 0, 0])
    builder.json["meshes"][0] |= {"weights": [0.0, 1.0], "extras": {"targetNames": ["smile", "frown"]}}
    return builder, vertices + 0.5 * shifts[0].astype(np.float64) + (1, 0, 0)


def instanced() -> Scene:
    """Build one mesh at three places with EXT_mesh_gpu_instancing."""
    builder, (vertices, faces) = Builder(), grid()
    one(builder, builder.primitive(vertices, faces), translation=[0, 0, 9], name="fence")
    places = np.array([[0, 0, 0], [3, 0, 0], [6, 1, 0]], "<f4")
    sizes = np.array([[1, 1, 1], [1, 2, 1], [0.5, 0.5, 0.5]], "<f4")
    turns = np.array([[0, 0, 0, 1], [0, 0, S, S], [0, 0, 0, 1]], "<f4")
    attributes = {
        "TRANSLATION": builder.accessor(places),
        "SCALE": builder.accessor(sizes),
        "ROTATION": builder.accessor(turns),
    }
    builder.json["nodes"][0]["extensions"] = {"EXT_mesh_gpu_instancing": {"attributes": attributes}}
    builder.json |= {name: ["EXT_mesh_gpu_instancing"] for name in ("extensionsUsed", "extensionsRequired")}
    second = (vertices * sizes[1])[:, [1, 0, 2]] * (-1, 1, 1)
    shown = [vertices, second, vertices * sizes[2]]
    return builder, np.concatenate(shown) + np.repeat(places, len(vertices), axis=0) + (0, 0, 9)


def quantised() -> Scene:
    """Build positions as normalised int16 and normals as int8 (KHR_mesh_quantization), scaled back by the node."""
    builder, (vertices, faces) = Builder(), grid()
    whole = np.rint(vertices / 2 * 32767).astype("<i2")
    padded = np.concatenate([whole, np.zeros((len(whole), 1), "<i2")], axis=1)
    position = builder.accessor(
        padded, type="VEC3", normalized=True, min=whole.min(0).tolist(), max=whole.max(0).tolist()
    )
    builder.json["bufferViews"][-1]["byteStride"] = 8
    indices = builder.accessor(faces.astype("<u2").ravel())
    one(builder, {"attributes": {"POSITION": position}, "indices": indices}, scale=[2, 2, 2])
    builder.json |= {name: ["KHR_mesh_quantization"] for name in ("extensionsUsed", "extensionsRequired")}
    return builder, whole / 32767 * 2


def coloured() -> Scene:
    """Tangents, vertex colours, and a texture that KHR_texture_transform turns."""
    builder, (vertices, faces) = Builder(), grid()
    normals = unit_normals(vertices, faces)
    across = np.cross(normals, (0, 1, 0))
    tangents = np.concatenate(
        [across / np.linalg.norm(across, axis=1, keepdims=True), np.ones((len(vertices), 1))], axis=1
    )
    colours = np.random.default_rng(0).random((len(vertices), 3)).astype("<f4")
    uv = (vertices[:, :2] / 2 + 0.5).astype("<f4")
    named = {"NORMAL": normals, "TANGENT": tangents.astype("<f4"), "COLOR_0": colours, "TEXCOORD_0": uv}
    one(builder, textured(builder, builder.primitive(vertices, faces, **named)), scale=[-1, 1, 1])
    del builder.json["materials"][0]["extensions"]
    turned = {"KHR_texture_transform": {"offset": [0.5, 0], "rotation": 0.25, "scale": [2, 2]}}
    builder.json["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]["extensions"] = turned
    normal_map = {"index": 0, "extensions": turned}
    builder.json["materials"][0]["normalTexture"] = normal_map
    builder.json |= {name: ["KHR_texture_transform"] for name in ("extensionsUsed", "extensionsRequired")}
    return builder, vertices * (-1.0, 1, 1)


def far() -> Scene:
    """Build a node ten thousand kilometres away."""
    builder, (vertices, faces) = Builder(), grid()
    one(builder, builder.primitive(vertices, faces), translation=[1e7, -2e6, 3e6])
    return builder, vertices.astype(np.float64) + (1e7, -2e6, 3e6)


def far_inside() -> Scene:
    """Build a node at 0 whose vertices are a thousand kilometres away, to float32's precision."""
    builder, (vertices, faces) = Builder(), grid()
    distant = (vertices * 8 + np.float32(1e6)).astype("<f4")
    one(builder, builder.primitive(distant, faces))
    return builder, distant.astype(np.float64)


SCENES: dict[str, Callable[[], Scene]] = {
    "skinned": skinned,
    "bent": bent,
    "morphed": morphed,
    "instanced": instanced,
    "quantised": quantised,
    "coloured": coloured,
    "far": far,
    "far inside": far_inside,
}


class PosingPlayer(Player):
    """A player that also supports skins: joints as they stand, as in the standard."""

    def pose(self, time: float) -> np.ndarray:
        parts = []
        for node, primitive, matrix in self.surfaces():
            local = (
                self.morphed(node, primitive, "POSITION", time)
                if self.json.get("animations")
                else self.shown(node, primitive)
            )
            matrices = self.skin(node, primitive)
            moved = local @ matrix[:3, :3].T + matrix[:3, 3] if matrices is None else apply(matrices, local)
            parts.append(moved)
        return np.concatenate(parts)

    def shown(self, node: int, primitive: dict) -> np.ndarray:
        """Return positions in the primitive's space for the default weights, (n, 3)."""
        values = self.decoded(primitive["attributes"]["POSITION"])
        mesh = self.json["meshes"][self.json["nodes"][node]["mesh"]]
        weights = self.json["nodes"][node].get("weights", mesh.get("weights", []))
        for weight, target in zip(weights, primitive.get("targets", []), strict=True):
            values = values + weight * self.values(target["POSITION"])
        return values

    def skin(self, node: int, primitive: dict) -> np.ndarray | None:
        if "skin" not in self.json["nodes"][node]:
            return None
        skin = self.json["skins"][self.json["nodes"][node]["skin"]]
        inverse = self.values(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
        joints = np.stack([self.world(joint) for joint in skin["joints"]]) @ inverse
        named, weights = (self.decoded(primitive["attributes"][name]) for name in ("JOINTS_0", "WEIGHTS_0"))
        return np.einsum("nk,nkij->nij", weights, joints[named.astype(int)])

    def world(self, index: int) -> np.ndarray:
        above = next((k for k, node in enumerate(self.json["nodes"]) if index in node.get("children", [])), None)
        own = local_matrix(self.json["nodes"][index])
        return own if above is None else self.world(above) @ own


def apply(matrices: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.einsum("nij,nj->ni", matrices[:, :3, :3], points) + matrices[:, :3, 3]
