"""A scene file means what its standard says: skins, morph targets, instances and quantised numbers, read and written back."""

from pathlib import Path

import numpy as np
import pytest

from actionmesh.animation import Animation, Provenance
from actionmesh.geometry.mesh_files import load_mesh
from actionmesh.output.gltf import pose_files, write_animated_glb
from tests.backend.gltf_scenes import SCENES, PosingPlayer
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
CASES = [pytest.param(name, marks=pytest.mark.fault(fault)) for name, fault in FAULTS.items()]


def moving(path: Path) -> Animation:
    """Every vertex of a file moves its own way; the second pose is the file's."""
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
    assert_valid(*paths, warnings=("GLB_UNKNOWN_CHUNK_TYPE", "NODE_SKINNED_MESH_NON_ROOT", "NODE_SKINNED_MESH_LOCAL_TRANSFORMS"))
