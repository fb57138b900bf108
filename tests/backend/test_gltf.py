"""Animated glTF, played back by the tests' own decoder."""

import base64
import json
import logging
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from actionmesh.animation import Animation, Provenance
from actionmesh.errors import MeshError, OutputError
from actionmesh.geometry.mesh_files import load_mesh
from actionmesh.output import gltf_document
from actionmesh.output.gltf import pose_files, write_animated_glb
from actionmesh.output.gltf_document import Document
from tests.backend.gltf_files import (
    PNG,
    PRIVATE_CHUNK,
    Builder,
    Player,
    grid,
    pack,
    rich_scene,
    textured,
    unit_normals,
    unpack,
)

TIMES = np.array([0.0, 0.1, 0.25, 0.75])
PROVENANCE = Provenance("clip.mp4", None, 7, "default", "small", "0.1")


def animate(vertices: np.ndarray, faces: np.ndarray, reference: int = 1, seed: int = 3) -> Animation:
    """Move every vertex differently, so that a mix-up of vertices shows; the reference pose is `vertices`."""
    moves = np.random.default_rng(seed).normal(0, 0.3, (len(TIMES), *vertices.shape))
    moves[reference] = 0
    poses = (vertices + moves).astype(np.float32)
    return Animation(poses, faces.astype(np.int32), TIMES, reference, np.arange(4), PROVENANCE)


def animate_file(path: Path) -> Animation:
    mesh = load_mesh(path)
    return animate(mesh.vertices, mesh.faces)


def written(animation: Animation, source: Path | None, folder: Path) -> Player:
    write_animated_glb(animation, folder / "out.glb", source)
    return Player(folder / "out.glb")


def assert_plays(player: Player, animation: Animation) -> None:
    for time, pose in zip(animation.times, animation.vertices, strict=True):
        np.testing.assert_allclose(player.pose(time), pose, atol=1e-5)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return rich_scene().save(tmp_path / "source.glb")


def test_every_pose_is_played_at_its_time(source, tmp_path):
    animation = animate_file(source)
    assert_plays(written(animation, source, tmp_path), animation)


def test_between_two_times_the_pose_is_between_two_poses(source, tmp_path):
    animation = animate_file(source)
    player = written(animation, source, tmp_path)
    expected = 0.75 * animation.vertices[2] + 0.25 * animation.vertices[3]
    np.testing.assert_allclose(player.pose(0.375), expected, atol=1e-5)


def test_all_that_the_source_holds_is_kept(source, tmp_path):
    before, before_binary, before_chunks = unpack(source.read_bytes())
    player = written(animate_file(source), source, tmp_path)
    after = player.json
    assert player.binary.startswith(before_binary)
    assert player.other_chunks == before_chunks == [(PRIVATE_CHUNK, b"private!")]
    for name in ("asset", "scene", "scenes", "materials", "textures", "images", "samplers", "extensionsUsed", "extras"):
        assert after[name] == before[name]
    for name in ("accessors", "bufferViews"):
        assert after[name][: len(before[name])] == before[name]
    right = {**before["nodes"][3], "mesh": 2}
    left = {**before["nodes"][2], "mesh": 2}
    assert after["nodes"] in (before["nodes"][:3] + [right], before["nodes"][:2] + [left, before["nodes"][3]])
    for mesh, original in zip(after["meshes"], before["meshes"], strict=False):
        for primitive, old in zip(mesh["primitives"], original["primitives"], strict=True):
            assert {key: value for key, value in primitive.items() if key != "targets"} == old
    assert after["buffers"] == [{"byteLength": len(player.binary), "name": "kept"}]


def test_the_file_at_rest_is_the_source(source, tmp_path):
    written(animate_file(source), source, tmp_path)
    rest = load_mesh(tmp_path / "out.glb")
    np.testing.assert_array_equal(rest.vertices, load_mesh(source).vertices)
    assert all(not any(mesh["weights"]) for mesh in Player(tmp_path / "out.glb").json["meshes"])


def test_trimesh_reads_uvs_and_picture(source, tmp_path):
    written(animate_file(source), source, tmp_path)
    before, after = (trimesh.load_scene(path) for path in (source, tmp_path / "out.glb"))
    torso = after.geometry["torso"]
    np.testing.assert_array_equal(torso.visual.uv, before.geometry["torso"].visual.uv)
    assert torso.visual.material.baseColorTexture.size == (8, 8)


def test_lines_beside_a_surface_keep_still(source, tmp_path):
    player = written(animate_file(source), source, tmp_path)
    lines = player.json["meshes"][0]["primitives"][2]
    rest = player.values(lines["attributes"]["POSITION"])
    for time in TIMES:
        np.testing.assert_array_equal(player.morphed(1, lines, "POSITION", time), rest)


def test_a_part_without_positions_is_left_alone(tmp_path):
    builder = rich_scene()
    builder.json["meshes"][0]["primitives"].insert(0, {"attributes": {}})
    path = builder.save(tmp_path / "source.glb")
    player = written(animate_file(path), path, tmp_path)
    assert player.json["meshes"][0]["primitives"][0] == {"attributes": {}}
    assert player.json["meshes"][0]["primitives"][1]["targets"]


def test_the_provenance_travels_with_the_animation(source, tmp_path):
    animation = written(animate_file(source), source, tmp_path).json["animations"][0]
    assert animation["extras"]["reference_frame"] == 1
    assert animation["extras"]["frame_indices"] == [0, 1, 2, 3]
    assert animation["extras"]["provenance"]["seed"] == 7


def test_normals_turn_with_the_surface(tmp_path):
    builder = Builder()
    vertices, faces = grid(5)
    normals = unit_normals(vertices, faces)
    tilted = normals + np.random.default_rng(0).normal(0, 0.2, normals.shape).astype(np.float32)  # an artist's own
    tilted /= np.linalg.norm(tilted, axis=1, keepdims=True)
    builder.json |= {
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "rotation": [0.6, 0, 0, 0.8], "scale": [3, 3, 3]}],
        "meshes": [{"primitives": [builder.primitive(vertices, faces, NORMAL=tilted)]}],
    }
    source = builder.save(tmp_path / "normals.glb")
    mesh = load_mesh(source)
    turns = [trimesh.transformations.rotation_matrix(angle, (0, 1, 0))[:3, :3] for angle in (0, 0.3, 1.0, 2.5)]
    poses = np.stack([mesh.vertices @ turn.T for turn in turns]).astype(np.float32)
    animation = Animation(poses, mesh.faces, TIMES, 0, np.arange(4), PROVENANCE)
    player = written(animation, source, tmp_path)
    node, primitive, matrix = player.surfaces()[0]
    own = tilted @ (matrix[:3, :3] / 3).T
    for time, turn in zip(TIMES, turns, strict=True):
        shown = player.morphed(node, primitive, "NORMAL", time) @ (matrix[:3, :3] / 3).T
        np.testing.assert_allclose(np.linalg.norm(shown, axis=1), 1, atol=1e-5)
        # the turn around the normal itself cannot be seen from one normal: a tilted one may lag by that much
        lag = np.arccos(np.clip((shown * (own @ turn.T)).sum(axis=1), -1, 1))
        tilt = np.arccos(np.clip((tilted * normals).sum(axis=1), -1, 1))
        assert (lag <= 2 * tilt + 1e-3).all()
    exact = _turned_smooth_normals(tmp_path, vertices, faces, normals, turns)
    assert exact < 1e-4


def _turned_smooth_normals(folder: Path, vertices, faces, normals, turns) -> float:
    """Return the largest error of the normals when the file's normals are the surface's own."""
    builder = Builder()
    builder.json |= {"scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}]}
    builder.json["meshes"] = [{"primitives": [builder.primitive(vertices, faces, NORMAL=normals)]}]
    source = builder.save(folder / "smooth.glb")
    poses = np.stack([vertices @ turn.T for turn in turns]).astype(np.float32)
    player = written(Animation(poses, faces.astype(np.int32), TIMES, 0, np.arange(4), PROVENANCE), source, folder)
    node, primitive, _ = player.surfaces()[0]
    shown = (player.morphed(node, primitive, "NORMAL", time) for time in TIMES)
    return max(np.abs(found - normals @ turn.T).max() for found, turn in zip(shown, turns, strict=True))


def test_shapes_and_animations_of_the_source_stay(tmp_path):
    builder = Builder()
    vertices, faces = grid()
    primitive = builder.primitive(vertices, faces)
    primitive["targets"] = [{"POSITION": builder.accessor(vertices * k)} for k in (1, 2)]
    keys = np.array([[0, 1], [0.5, 0.25]], "<f4")
    output = builder.accessor(keys.ravel())
    sampler = {"input": builder.accessor(np.array([0, 1], "<f4")), "output": output}
    channel = {"sampler": 0, "target": {"node": 0, "path": "weights"}}
    builder.json |= {
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "weights": [0.5, 0.0]}],
        "meshes": [{"primitives": [primitive], "weights": [0.0, 0.5], "extras": {"targetNames": ["smile", "frown"]}}],
        "animations": [{"name": "talk", "samplers": [sampler], "channels": [channel, channel]}],
    }
    source = builder.save(tmp_path / "face.glb")
    animation = animate_file(source)
    player = written(animation, source, tmp_path)
    assert_plays(player, animation)
    mesh, ours, talk = player.json["meshes"][0], *player.json["animations"]
    assert mesh["extras"]["targetNames"][:3] == ["smile", "frown", "pose_0000"]
    assert (mesh["weights"], player.json["nodes"][0]["weights"]) == ([0.0, 0.5] + [0.0] * 4, [0.5, 0.0] + [0.0] * 4)
    assert (ours["name"], talk["name"]) == ("ActionMesh", "talk")
    padded = player.values(talk["samplers"][0]["output"]).reshape(2, 6)
    np.testing.assert_array_equal(padded, np.hstack([keys, np.zeros((2, 4))]))
    assert mesh["primitives"][0]["targets"][:2] == primitive["targets"]


def test_a_skin_stays(tmp_path):
    builder = Builder()
    vertices, faces = grid()
    joints, weights = np.zeros((len(vertices), 4), "u1"), np.tile(np.array([1, 0, 0, 0], "<f4"), (len(vertices), 1))
    builder.json |= {
        "scenes": [{"nodes": [0, 1]}],
        "nodes": [{"mesh": 0, "skin": 0}, {"name": "bone"}],
        "meshes": [{"primitives": [builder.primitive(vertices, faces, JOINTS_0=joints, WEIGHTS_0=weights)]}],
        "skins": [{"joints": [1], "inverseBindMatrices": builder.accessor(np.eye(4, dtype="<f4").reshape(1, 16))}],
    }
    source = builder.save(tmp_path / "skinned.glb")
    animation = animate_file(source)
    player = written(animation, source, tmp_path)
    assert_plays(player, animation)
    assert player.json["skins"] == builder.json["skins"] and player.json["nodes"] == builder.json["nodes"]
    assert {"JOINTS_0", "WEIGHTS_0"} < player.json["meshes"][0]["primitives"][0]["attributes"].keys()


def test_a_gltf_takes_its_files_into_the_glb(tmp_path):
    (tmp_path / "source").mkdir()
    builder = rich_scene()
    builder.json["images"] = [
        {"uri": "my%20skin.png"},
        {"uri": "data:image/png;base64," + base64.b64encode(PNG).decode()},
    ]
    builder.json["images"].append({"uri": "lost.png"})
    (tmp_path / "source" / "my skin.png").write_bytes(PNG)
    source = builder.save_apart(tmp_path / "source" / "source.gltf")
    animation = animate_file(source)
    player = written(animation, source, tmp_path)
    assert_plays(player, animation)
    beside, inline, lost = player.json["images"]
    for image in (beside, inline):
        view = player.json["bufferViews"][image["bufferView"]]
        assert player.binary[view["byteOffset"] :][: view["byteLength"]] == PNG
        assert image["mimeType"] == "image/png" and "uri" not in image
    assert lost == {"uri": "lost.png"}
    assert "uri" not in player.json["buffers"][0] and len(player.json["buffers"]) == 1


def test_several_buffers_become_one(tmp_path):
    builder = rich_scene()
    cut = builder.json["bufferViews"][3]["byteOffset"]
    for view in builder.json["bufferViews"][3:]:
        view |= {"buffer": 1, "byteOffset": view["byteOffset"] - cut}
    parts = [bytes(builder.binary[:cut]), bytes(builder.binary[cut:])]
    uris = ["data:application/octet-stream;base64," + base64.b64encode(part).decode() for part in parts]
    builder.json["buffers"] = [{"uri": uri, "byteLength": len(part)} for uri, part in zip(uris, parts, strict=True)]
    source = tmp_path / "source.gltf"
    source.write_text(json.dumps(builder.json))
    animation = animate_file(source)
    assert_plays(written(animation, source, tmp_path), animation)


def played_without_warning(builder: Builder, folder: Path, caplog: pytest.LogCaptureFixture) -> Player:
    """Animate the builder's mesh, the only mesh of the only node, and check each pose."""
    builder.json |= {"scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0, "scale": [2, -1, 1], "translation": [1, 2, 3]}]}
    source = builder.save(folder / "source.glb")
    animation = animate_file(source)
    player = written(animation, source, folder)
    assert_plays(player, animation)
    assert not caplog.records
    for name, data in enumerate(pose_files(animation, source)):
        (folder / f"{name}.glb").write_bytes(data)
        pose = load_mesh(folder / f"{name}.glb")
        np.testing.assert_allclose(pose.vertices, animation.vertices[name], atol=1e-5)
        np.testing.assert_array_equal(pose.faces, animation.faces)
    return player


FAN = np.array([[0, 0, 0.3], [1, 0, 0], [0.7, 0.8, 0.1], [-0.2, 1, 0], [-1, 0.3, 0.2]], "<f4")
FAN_FACES = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 4]])


def test_fans_and_strips_move_in_whole_and_keep_their_mode(tmp_path, caplog):
    builder = Builder()
    corners = np.arange(len(FAN))
    fan = textured(builder, builder.primitive(FAN, corners, NORMAL=unit_normals(FAN, FAN_FACES)))
    loose = builder.primitive(FAN + (4, 0, 0), corners)
    del loose["indices"]
    strip = builder.primitive(FAN + (8, 0, 0), corners[::-1])
    builder.json["meshes"] = [{"primitives": [fan | {"mode": 6}, loose | {"mode": 6}, strip | {"mode": 5}]}]
    player = played_without_warning(builder, tmp_path, caplog)
    primitives = player.json["meshes"][0]["primitives"]
    assert [(primitive["mode"], len(primitive["targets"])) for primitive in primitives] == [(6, 4), (6, 4), (5, 4)]
    assert player.json["materials"] == builder.json["materials"] and primitives[0]["material"] == 0
    lengths = np.linalg.norm(player.morphed(0, primitives[0], "NORMAL", TIMES[3]), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-5)


@pytest.mark.parametrize("based", [True, False])
def test_sparse_positions_and_corners_are_followed(tmp_path, caplog, based):
    builder = Builder()
    vertices, faces = grid()
    places = [1, 6, 11] if based else list(range(2, len(vertices)))
    base = vertices + np.float32([[5, 5, 5]]) * np.isin(np.arange(len(vertices)), places)[:, None]
    position = builder.sparse(base if based else None, places, vertices[places], count=len(vertices))
    corners = faces.astype("<u2").reshape(-1, 1)
    changed = corners.copy()
    changed[[0, 7]] = 15
    indices = builder.sparse(changed, [0, 7], corners[[0, 7]])
    builder.json["meshes"] = [{"primitives": [{"attributes": {"POSITION": position}, "indices": indices}]}]
    player = played_without_warning(builder, tmp_path, caplog)
    shown = player.values(player.json["meshes"][0]["primitives"][0]["attributes"]["POSITION"])
    expected = np.where(np.isin(np.arange(len(vertices)), places)[:, None] | based, vertices, 0)
    np.testing.assert_array_equal(shown, expected)
    np.testing.assert_array_equal(player.values(indices), corners)


def test_quantised_sparse_positions_are_followed(tmp_path, caplog):
    builder = Builder()
    whole = np.round(FAN * 20000).astype("<i2")
    position = builder.sparse(whole, [2], np.array([[-32768, 32767, 5]], "<i2"), normalized=True)
    builder.json["extensionsUsed"] = ["KHR_mesh_quantization"]
    builder.json["meshes"] = [{"primitives": [{"attributes": {"POSITION": position}, "mode": 6}]}]
    player = played_without_warning(builder, tmp_path, caplog)
    np.testing.assert_allclose(player.decoded(position)[2], [-1, 1, 5 / 32767], atol=1e-9)


OBJ = """mtllib coat.mtl
v -1 -1 0
v 1 -1 0
v 1 1 0.5
v -1 1 0
v 3 0 0
vt 0 0
vt 1 0
vt 1 1
vt 0 1
vt 0.5 0.5
usemtl coat
f 1/1 2/2 3/3
f 1/5 3/3 4/4
f 2/1 5/2 3/4
"""


def test_an_obj_keeps_its_uvs_and_picture(tmp_path):
    (tmp_path / "coat.png").write_bytes(PNG)
    (tmp_path / "coat.mtl").write_text("newmtl coat\nKd 1 1 1\nmap_Kd coat.png\n")
    source = tmp_path / "source.obj"
    source.write_text(OBJ)
    animation = animate_file(source)
    player = written(animation, source, tmp_path)
    (_, primitive, _) = player.surfaces()[0]
    uv, corners = player.values(primitive["attributes"]["TEXCOORD_0"]), player.values(primitive["indices"])[:, 0]
    expected = np.array([[0, 0], [1, 0], [1, 1], [0.5, 0.5], [1, 1], [0, 1], [0, 0], [1, 0], [0, 1]])
    np.testing.assert_allclose(uv[corners] * (1, -1) + (0, 1), expected, atol=1e-6)
    shading = player.json["materials"][0]["pbrMetallicRoughness"]
    assert (shading["baseColorTexture"]["index"], shading["metallicFactor"]) == (0, 0)
    places = np.array([line.split()[1:] for line in OBJ.splitlines() if line.startswith("v ")], float)
    rest = load_mesh(source).vertices
    for time, pose in zip(animation.times, animation.vertices, strict=True):
        named = [np.flatnonzero((np.abs(rest - place) < 1e-6).all(axis=1))[0] for place in places]
        expected = pose[named][[0, 1, 2, 0, 2, 3, 1, 4, 2]]
        np.testing.assert_allclose(player.pose(time)[corners], expected, atol=1e-5)


@pytest.mark.parametrize("ending", [".ply", ".stl", ".obj"])
def test_other_formats_play_as_clay(tmp_path, ending):
    vertices, faces = grid()
    source = tmp_path / f"source{ending}"
    trimesh.Trimesh(vertices, faces, process=False).export(source)
    animation = animate_file(source)
    mesh = load_mesh(source)
    player = written(animation, source, tmp_path)
    rest, played = player.pose(TIMES[1]), [player.pose(time) for time in TIMES]
    rows = [np.abs(mesh.vertices - place).max(axis=1).argmin() for place in rest]
    assert np.unique(mesh.vertices[rows], axis=0).shape == vertices.shape
    for pose, expected in zip(played, animation.vertices, strict=True):
        for place, row in zip(pose, rows, strict=True):
            same = np.abs(mesh.vertices - mesh.vertices[row]).max(axis=1) < 1e-6
            assert np.abs(expected[same] - place).max(axis=1).min() < 1e-5
    assert player.json["materials"][0]["pbrMetallicRoughness"]["metallicFactor"] == 0


def test_vertex_colours_of_a_ply_stay(tmp_path):
    vertices, faces = grid()
    colours = np.random.default_rng(0).integers(0, 256, (len(vertices), 4), dtype=np.uint8)
    source = tmp_path / "source.ply"
    trimesh.Trimesh(vertices, faces, vertex_colors=colours, process=False).export(source)
    player = written(animate_file(source), source, tmp_path)
    (_, primitive, _) = player.surfaces()[0]
    np.testing.assert_array_equal(player.values(primitive["attributes"]["COLOR_0"])[:, :3], colours[:, :3])
    assert player.json["materials"][0]["pbrMetallicRoughness"]["baseColorFactor"] == [1, 1, 1, 1]


def test_a_mesh_of_the_model_is_clay(tmp_path):
    vertices, faces = grid()
    animation = animate(vertices, faces)
    player = written(animation, None, tmp_path)
    assert_plays(player, animation)
    shading = player.json["materials"][0]["pbrMetallicRoughness"]
    assert shading["metallicFactor"] == 0 and 0.3 < shading["baseColorFactor"][0] < 0.7
    np.testing.assert_array_equal(trimesh.load_scene(tmp_path / "out.glb").to_geometry().faces, faces)


def broken(folder: Path) -> Path:
    path = rich_scene().save(folder / "broken.glb")
    path.write_bytes(path.read_bytes()[:-40])
    return path


def compressed(folder: Path) -> Path:
    builder = rich_scene()
    builder.json["extensionsUsed"] = ["EXT_meshopt_compression"]
    return builder.save(folder / "compressed.glb")


def another(folder: Path) -> Path:
    builder = rich_scene()
    builder.json["nodes"][1].pop("mesh")
    return builder.save(folder / "another.glb")


def gone(folder: Path) -> Path:
    return folder / "gone.glb"


@pytest.mark.parametrize("make", [broken, compressed, another, gone])
def test_a_source_that_cannot_be_kept_costs_a_warning_but_not_the_result(tmp_path, source, make, caplog):
    animation = animate_file(source)
    with caplog.at_level(logging.WARNING):
        player = written(animation, make(tmp_path), tmp_path)
    assert_plays(player, animation)
    assert make(tmp_path).name in caplog.text


def test_a_usable_source_costs_no_warning(tmp_path, source, caplog):
    written(animate_file(source), source, tmp_path)
    assert not caplog.records


def test_a_reference_pose_unlike_the_source_still_plays(tmp_path, source):
    mesh = load_mesh(source)
    animation = animate(mesh.vertices + np.float32(0.05), mesh.faces)
    assert_plays(written(animation, source, tmp_path), animation)


def test_a_file_too_large_for_the_format_is_refused(tmp_path, monkeypatch):
    vertices, faces = grid()
    (tmp_path / "out.glb").write_bytes(b"before")
    monkeypatch.setattr(gltf_document, "LARGEST_GLB", 2000)
    with pytest.raises(OutputError, match="4 GiB"):
        write_animated_glb(animate(vertices, faces), tmp_path / "out.glb", None)
    assert (tmp_path / "out.glb").read_bytes() == b"before"


def test_poses_are_files_with_the_sources_picture(source, tmp_path):
    animation = animate_file(source)
    for index, data in enumerate(pose_files(animation, source)):
        path = tmp_path / f"{index}.glb"
        path.write_bytes(data)
        np.testing.assert_allclose(load_mesh(path).vertices, animation.vertices[index], atol=1e-5)
        torso = trimesh.load_scene(path).geometry["torso"]
        assert torso.visual.material.baseColorTexture.size == (8, 8)
        assert np.linalg.norm(torso.vertex_normals, axis=1) == pytest.approx(1, abs=1e-5)
    assert index == 3


quaternions = st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: np.linalg.norm(q) > 0.1)
lengths = st.floats(0.05, 20) | st.floats(-20, -0.05)


@settings(max_examples=25)
@given(st.tuples(*[st.floats(-30, 30)] * 3), quaternions, st.tuples(lengths, lengths, lengths))
def test_any_transform_of_the_nodes_is_undone(tmp_path_factory, translation, quaternion, scale):
    folder = tmp_path_factory.mktemp("node")
    builder = Builder()
    rotation = (np.array(quaternion) / np.linalg.norm(quaternion)).tolist()
    builder.json |= {
        "scenes": [{"nodes": [1]}],
        "nodes": [{"mesh": 0, "rotation": rotation}, {"children": [0], "translation": translation, "scale": scale}],
        "meshes": [{"primitives": [builder.primitive(*grid())]}],
    }
    source = builder.save(folder / "source.glb")
    animation = animate_file(source)
    player = written(animation, source, folder)
    size = np.abs(animation.vertices).max()
    for time, pose in zip(TIMES, animation.vertices, strict=True):
        np.testing.assert_allclose(player.pose(time), pose, atol=1e-5 + 1e-6 * size)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"glTF",
        b"solid stl",
        b"[]",
        b"{}x",
        b'{"extras": NaN}',
        pack([(0x4E4F534A, b"{}", b" ")])[:14],
        pack([(0x4E4F534A, b"[1", b" ")]),
    ],
)
def test_what_is_no_gltf_is_refused_with_its_name(tmp_path, data):
    (tmp_path / "odd.glb").write_bytes(data)
    with pytest.raises(MeshError, match="odd.glb"):
        Document.read(tmp_path / "odd.glb")


def test_accessors_are_read_as_the_specification_says():
    builder = Builder()
    whole = builder.accessor(np.array([[0, 127, 255]], "u1").T, normalized=True)
    signed = builder.accessor(np.array([[-32768, 0, 32767]], "<i2").T, normalized=True)
    spread = builder.accessor(np.arange(18, dtype="<f4").reshape(6, 3))
    builder.json["accessors"][spread] |= {"count": 3, "byteOffset": 12}
    builder.json["bufferViews"][builder.json["accessors"][spread]["bufferView"]]["byteStride"] = 24
    builder.json["accessors"].append({"componentType": 5126, "count": 2, "type": "VEC2"})
    builder.json["accessors"].append(builder.json["accessors"][spread] | {"count": 400})
    places = {"bufferView": builder.view(np.array([0, 2], "<u2").tobytes()), "componentType": 5123}
    moved = {"bufferView": builder.view(np.array([[7, 8, 9], [1, 2, 3]], "<f4").tobytes())}
    sparse = {"count": 2, "indices": places, "values": moved}
    builder.json["accessors"].append(builder.json["accessors"][spread] | {"sparse": sparse})
    document = Document(builder.json, builder.binary, [])
    np.testing.assert_allclose(document.array(whole)[:, 0], [0, 127 / 255, 1])
    np.testing.assert_allclose(document.array(signed)[:, 0], [-1, 0, 1])
    np.testing.assert_array_equal(document.array(spread), [[3, 4, 5], [9, 10, 11], [15, 16, 17]])
    np.testing.assert_array_equal(document.array(3), np.zeros((2, 2)))
    np.testing.assert_array_equal(document.array(5), [[7, 8, 9], [9, 10, 11], [1, 2, 3]])
    with pytest.raises(MeshError, match="outside"):
        document.array(4)
