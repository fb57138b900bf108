"""Draco-compressed primitives are read and saved as plain glTF; damaged ones are refused."""

import DracoPy
import numpy as np
import pytest

from actionmesh.errors import MeshError
from actionmesh.geometry.mesh_files import load_mesh
from actionmesh.output.gltf import write_animated_glb
from actionmesh.output.source_check import check_source
from tests.backend.gltf_files import Builder, Player, grid, textured, unit_normals
from tests.backend.gltf_scenes import one
from tests.backend.gltf_validator import assert_valid
from tests.backend.test_gltf_damage import fault
from tests.backend.test_gltf_scenes import moving

DRACO = "KHR_draco_mesh_compression"


def compressed() -> tuple[Builder, np.ndarray, np.ndarray]:
    """Return a mesh with normals and UVs only in Draco's compression, and the stream's vertices and UVs."""
    builder, (vertices, faces) = Builder(), grid()
    uv, normals = (vertices[:, :2] / 2 + 0.5).astype(float), unit_normals(vertices, faces).astype(float)
    stream = DracoPy.encode(vertices, faces, quantization_bits=16, tex_coord=uv, normals=normals, preserve_order=True)
    held = {each["attribute_type"]: each["unique_id"] for each in DracoPy.decode(stream).attributes}
    kinds = {"POSITION": (0, "VEC3"), "NORMAL": (1, "VEC3"), "TEXCOORD_0": (3, "VEC2")}
    attributes = {}
    for name, (_, kind) in kinds.items():
        builder.json["accessors"].append({"componentType": 5126, "count": len(vertices), "type": kind})
        attributes[name] = len(builder.json["accessors"]) - 1
    low, high = vertices.min(0) - 1e-4, vertices.max(0) + 1e-4
    builder.json["accessors"][0] |= {"min": low.tolist(), "max": high.tolist()}
    builder.json["accessors"].append({"componentType": 5123, "count": faces.size, "type": "SCALAR"})
    extension = {
        "bufferView": builder.view(stream),
        "attributes": {name: held[number] for name, (number, _) in kinds.items()},
    }
    primitive = {"attributes": attributes, "indices": 3, "extensions": {DRACO: extension}}
    one(builder, textured(builder, primitive), translation=[1, 2, 3])
    del builder.json["materials"][0]["extensions"]
    builder.json |= {name: [DRACO] for name in ("extensionsUsed", "extensionsRequired")}
    return builder, vertices, uv


@pytest.mark.fault("A Draco-compressed file is refused")
def test_draco_is_read_and_saved_as_plain_gltf(tmp_path):
    builder, vertices, uv = compressed()
    source = builder.save(tmp_path / "small.glb")
    mesh = load_mesh(source)
    order = [np.abs(mesh.vertices - (1, 2, 3) - place).max(axis=1).argmin() for place in vertices]
    assert sorted(order) == list(range(len(vertices)))
    np.testing.assert_allclose(mesh.vertices[order], vertices + (1, 2, 3), atol=1e-4)
    assert check_source(source) == ()
    animation = moving(source)
    write_animated_glb(animation, tmp_path / "out.glb", source)
    player = Player(tmp_path / "out.glb")
    for time, pose in zip(animation.times, animation.vertices, strict=True):
        np.testing.assert_allclose(player.pose(time), pose, atol=1e-5)
    [(_, primitive, _)] = player.surfaces()
    np.testing.assert_allclose(player.values(primitive["attributes"]["TEXCOORD_0"])[order], uv, atol=1e-3)
    assert not {"extensionsUsed", "extensionsRequired"} & player.json.keys() and "extensions" not in primitive
    assert_valid(tmp_path / "out.glb", warnings=("GLB_UNKNOWN_CHUNK_TYPE",))


def cut(builder: Builder) -> None:
    builder.json["bufferViews"][0]["byteLength"] -= 40


def zeros(builder: Builder) -> None:
    builder.binary[: builder.json["bufferViews"][0]["byteLength"]] = bytes(builder.json["bufferViews"][0]["byteLength"])


def outside(builder: Builder) -> None:
    builder.json["bufferViews"][0]["byteOffset"] = 10**7


def other_count(builder: Builder) -> None:
    builder.json["accessors"][0]["count"] = 10**9


def no_attribute(builder: Builder) -> None:
    builder.json["meshes"][0]["primitives"][0]["extensions"][DRACO]["attributes"]["POSITION"] = 77


def points_alone(builder: Builder) -> None:
    stream = DracoPy.encode(grid()[0])
    builder.json["meshes"][0]["primitives"][0]["extensions"][DRACO]["bufferView"] = builder.view(stream)


@pytest.mark.parametrize(
    "damage",
    [
        fault("A Draco stream that is cut off is read as something", cut, id="cut"),
        fault("A Draco stream of zeros is read as something", zeros, id="zeros"),
        fault("A Draco stream outside the file crashes the worker", outside, id="outside"),
        fault("A Draco stream with other vertices than it should have is read as something", other_count, id="count"),
        fault("A Draco stream without the positions ends the job", no_attribute, id="attribute"),
        fault("A Draco stream of points is read as something", points_alone, id="points"),
    ],
)
def test_a_damaged_stream_is_refused(tmp_path, damage):
    builder, _, _ = compressed()
    damage(builder)
    with pytest.raises(MeshError, match="odd.glb is damaged"):
        load_mesh(builder.save(tmp_path / "odd.glb"))
