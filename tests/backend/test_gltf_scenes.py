"""A scene file means what its standard says, read and written back.

Covers skins, morph targets, instances and quantised numbers.
"""

from pathlib import Path

import numpy as np
import pytest

from actionmesh.animation import Animation, Provenance
from actionmesh.geometry.gltf_instances import unfold
from actionmesh.geometry.mesh_files import load_mesh
from actionmesh.output.gltf import pose_files, write_animated_glb
from actionmesh.output.source_check import check_source
from tests.backend.gltf_files import Player
from tests.backend.gltf_scenes import SCENES, PosingPlayer, morphed, skinned
from tests.backend.gltf_validator import assert_valid

TIMES = np.array([0.0, 0.1, 0.25, 0.75])
FAULTS = {
    "skinned": "a rigged character is read lying down or a hundred times too large",
    "bent": "a rig that poses the mesh is not seen by the model",
    "morphed": "the shape that a glTF file shows by its default weights is not seen by the model",
    "instanced": "of many copies that a glTF file needs only one is animated",
    "quantised": "compressed whole-number positions are read wrongly",
    "coloured": "tangents, vertex colours or a turned texture are lost",
    "far": "a subject far away from the origin moves in steps",
    "far inside": "a subject whose vertices are far from its own origin moves in steps",
}
CASES = [pytest.param(name, marks=pytest.mark.fault(fault[0].upper() + fault[1:])) for name, fault in FAULTS.items()]


def moving(path: Path) -> Animation:
    """Move every vertex of a file differently; the second pose is the file's."""
    mesh = load_mesh(path)
    moves = np.random.default_rng(3).normal(0, 0.3, (len(TIMES), *mesh.vertices.shape))
    moves[1] = 0
    made = Provenance("clip.mp4", None, 7, "default", "small", "0.1")
    poses = (mesh.vertices + moves).astype(np.float32)
    return Animation(poses, mesh.faces, TIMES, 1, np.arange(4), made, origin=mesh.origin)


@pytest.mark.parametrize("name", CASES)
def test_a_scene_is_read_as_it_is_shown(tmp_path, name):
    builder, shown = SCENES[name]()
    path = builder.save(tmp_path / "scene.glb")
    mesh = load_mesh(path)
    np.testing.assert_allclose(mesh.vertices + mesh.origin, shown, rtol=0, atol=3e-7 * np.ptp(shown, axis=0).max())


@pytest.mark.parametrize("name", CASES)
def test_a_scene_plays_the_poses_that_were_made_of_it(tmp_path, name, caplog):
    builder, shown = SCENES[name]()
    source = builder.save(tmp_path / "scene.glb")
    animation = moving(source)
    write_animated_glb(animation, tmp_path / "out.glb", source)
    player = PosingPlayer(tmp_path / "out.glb")
    within = 2e-6 * np.ptp(shown, axis=0).max()
    paths = [tmp_path / "out.glb"]
    for time, pose in zip(TIMES, animation.vertices, strict=True):
        np.testing.assert_allclose(player.pose(time), pose + animation.origin, rtol=0, atol=within)
    for index, data in enumerate(pose_files(animation, source)):
        paths.append(tmp_path / f"{index}.glb")
        paths[-1].write_bytes(data)
        np.testing.assert_allclose(
            PosingPlayer(paths[-1]).pose(0), animation.vertices[index] + animation.origin, rtol=0, atol=within
        )
    assert not caplog.records
    assert_valid(
        *paths, warnings=("GLB_UNKNOWN_CHUNK_TYPE", "NODE_SKINNED_MESH_NON_ROOT", "NODE_SKINNED_MESH_LOCAL_TRANSFORMS")
    )


@pytest.mark.fault("A scene in units so large that its sizes are nearly 0 ends the job at Saving")
def test_a_subject_of_nearly_no_size_is_saved(tmp_path):
    builder, _ = skinned()
    builder.json["nodes"][1]["scale"] = [1e-43] * 3
    source = builder.save(tmp_path / "tiny.glb")
    assert check_source(source) == ()


@pytest.mark.fault("What a skeleton squeezes flat moves wrongly, without a word")
def test_vertices_that_a_skin_squeezes_flat_are_told(tmp_path):
    builder, shown = skinned()
    builder.json["nodes"][2]["scale"] = [1, 0, 1]
    [note] = check_source(builder.save(tmp_path / "flat.glb"))
    assert f"flattens {len(shown)} vertices" in note


@pytest.mark.fault("The skeleton's own animation is lost, or no longer carries the mesh")
def test_a_skeleton_that_moves_still_carries_the_mesh(tmp_path):
    builder, _ = skinned()
    times, turns = (
        builder.accessor(np.array([0, 1], "<f4")),
        builder.accessor(np.array([[0, 0, 0, 1], [0, 0, 1, 0]], "<f4")),
    )
    channel = {"sampler": 0, "target": {"node": 2, "path": "rotation"}}
    builder.json["animations"] = [
        {"name": "wave", "samplers": [{"input": times, "output": turns}], "channels": [channel]}
    ]
    source = builder.save(tmp_path / "scene.glb")
    animation = moving(source)
    write_animated_glb(animation, tmp_path / "out.glb", source)
    player = PosingPlayer(tmp_path / "out.glb")
    assert [each["name"] for each in player.json["animations"]] == ["ActionMesh", "wave"]
    assert player.json["animations"][1] == builder.json["animations"][0]
    player.json["nodes"][2]["rotation"] = [0, 0, 1, 0]  # half a turn around the armature's Z, which is the scene's Y
    np.testing.assert_allclose(player.pose(TIMES[2]), animation.vertices[2] * (-1, 1, -1), atol=1e-5)


@pytest.mark.parametrize("interpolation", ["LINEAR", "CUBICSPLINE"])
@pytest.mark.fault("The source's own animation of its shapes plays wrongly after ours was added")
def test_the_sources_own_shapes_still_play(tmp_path, interpolation):
    builder, _ = morphed()
    keys = np.random.default_rng(0).random((6 if interpolation == "CUBICSPLINE" else 2, 2)).astype("<f4")
    sampler = {"input": builder.accessor(np.array([0, 1], "<f4")), "output": builder.accessor(keys.ravel())}
    channel = {"sampler": 0, "target": {"node": 0, "path": "weights"}}
    builder.json["animations"] = [{"samplers": [sampler | {"interpolation": interpolation}], "channels": [channel]}]
    source = builder.save(tmp_path / "scene.glb")
    write_animated_glb(moving(source), tmp_path / "out.glb", source)
    player = Player(tmp_path / "out.glb")
    padded = player.values(player.json["animations"][1]["samplers"][0]["output"]).reshape(len(keys), 6)
    np.testing.assert_array_equal(padded, np.pad(keys, ((0, 0), (0, 4))))
    assert_valid(tmp_path / "out.glb", warnings=("GLB_UNKNOWN_CHUNK_TYPE",))


def test_instances_become_children_of_their_node_and_the_extension_is_forgotten():
    """A plain node comes first and stays; quantised rotations are given the length 1."""
    name = "EXT_mesh_gpu_instancing"
    values = [np.array([[1, 2, 3], [4, 5, 6]]), np.array([[0, 0, 0, 0.5], [0, 3, 0, 4]])]
    node = {"name": "tree", "mesh": 0, "children": [0], "extensions": {name: {}, "OTHER": {}}}
    node["extensions"][name] = {"attributes": {"TRANSLATION": 0, "ROTATION": 1, "_COLOUR": 2}}
    gltf = {"nodes": [{"mesh": 7}, node], "extensionsUsed": [name, "OTHER"], "extensionsRequired": [name]}
    unfold(gltf, lambda index: values[index])
    assert gltf == {
        "nodes": [
            {"mesh": 7},
            {"name": "tree", "children": [0, 3, 2], "extensions": {"OTHER": {}}},
            {"name": "tree 0", "mesh": 0, "translation": [1, 2, 3], "rotation": [0, 0, 0, 1]},
            {"name": "tree 1", "mesh": 0, "translation": [4, 5, 6], "rotation": [0, 0.6, 0, 0.8]},
        ],
        "extensionsUsed": ["OTHER"],
    }
