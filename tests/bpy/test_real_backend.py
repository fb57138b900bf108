"""The operators with the real backend and the bundled clip, in one Blender without a window."""

import os
from pathlib import Path

import bpy
import numpy as np
import pytest

import blender_addon
from blender_addon import animated, looks, runner, submission
from tests.bpy.addon import keys_of, selected_cube

pytestmark = pytest.mark.skipif(not os.environ.get("ACTIONMESH_PYTHON"), reason="ACTIONMESH_PYTHON names no Python of the backend")
CLIP = Path(__file__).resolve().parents[2] / "backend" / "actionmesh" / "checkpoints" / "toy" / "demo" / "clip.mp4"
OPS = bpy.ops.actionmesh


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """One worker for all tests: loading it takes longest."""
    folder = tmp_path_factory.mktemp("home")
    before = os.environ.get("ACTIONMESH_HOME")
    os.environ["ACTIONMESH_HOME"] = str(folder)
    blender_addon.register()
    yield folder
    blender_addon.unregister()
    del os.environ["ACTIONMESH_HOME"]
    if before is not None:
        os.environ["ACTIONMESH_HOME"] = before


def test_a_look_shows_the_subject_and_knows_the_length(home):
    settings = bpy.context.scene.actionmesh
    settings.clip = str(CLIP)
    assert OPS.look() == {"FINISHED"}
    look = runner.state.look
    assert look.source == looks.source_key(settings) and look.clip_frames == 24 and look.warning == ""
    assert submission.length(bpy.context.scene) == 24
    settings.frame_count = 12
    OPS.fit_clip()
    assert (settings.frame_step, settings.frame_count) == (3, 8)
    settings.clip = ""
    assert submission.length(bpy.context.scene) is None


def test_the_bundled_clip_becomes_a_new_object(home):
    settings = bpy.context.scene.actionmesh
    settings.frame_count = 4
    assert OPS.animate_from_video(filepath=str(CLIP), seed=3) == {"FINISHED"}
    made = bpy.data.objects["clip"]
    assert keys_of(made) == 4 and animated.animation_of(made).provenance["checkpoint"] == "toy"
    assert runner.state.machine.devices and runner.state.worker == "ready"


def test_the_bundled_clip_moves_a_selected_mesh(home):
    target = selected_cube()
    bpy.context.scene.actionmesh.frame_count = 4
    rest = np.array([vertex.co for vertex in target.data.vertices])
    assert OPS.animate_selected(filepath=str(CLIP)) == {"FINISHED"}
    assert keys_of(target) == 4
    assert np.array_equal([vertex.co for vertex in target.data.shape_keys.key_blocks["ActionMesh 0001"].points], rest)
    assert not np.allclose([vertex.co for vertex in target.data.shape_keys.key_blocks["ActionMesh 0003"].points], rest, atol=1e-3)


def test_the_reference_poses_of_a_selected_mesh_depart_as_they_say(home):
    settings, reference = bpy.context.scene.actionmesh, 2
    settings.frame_count, settings.anchor = 4, reference
    target = selected_cube()
    rest = np.array([vertex.co for vertex in target.data.vertices])
    poses = {}
    for pose in ("corrected", "published", "decoded"):
        settings.reference_pose = pose
        assert OPS.animate_selected(filepath=str(CLIP)) == {"FINISHED"}
        keys = target.data.shape_keys.key_blocks
        poses[pose] = np.array([[point.co for point in keys[f"ActionMesh {number:04d}"].points] for number in range(1, 5)])
    corrected, published, decoded = poses.values()
    assert np.array_equal(corrected[reference], rest) and np.array_equal(published[reference], rest)
    assert np.abs(decoded[reference] - rest).max() > 1e-3
    np.testing.assert_array_equal(np.delete(published, reference, 0), np.delete(decoded, reference, 0))
    np.testing.assert_allclose(corrected, decoded - decoded[reference] + rest, atol=1e-5)


def test_a_new_object_has_as_many_faces_as_were_allowed(home):
    settings = bpy.context.scene.actionmesh
    settings.frame_count, settings.max_faces, settings.image_steps, settings.smallest_part = 4, 300, 2, 50
    assert OPS.animate_from_video(filepath=str(CLIP)) == {"FINISHED"}
    assert 100 < len(bpy.context.active_object.data.polygons) <= 300


def test_so_few_faces_are_told_in_a_sentence(home):
    bpy.context.scene.actionmesh.max_faces = 3
    with pytest.raises(RuntimeError, match="The largest number of faces is 3. Use a whole number, 4 or more"):
        OPS.animate_from_video(filepath=str(CLIP))


def test_a_clip_that_is_no_clip_is_told_in_a_sentence(home, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    with pytest.raises(RuntimeError, match="broken.mp4"):
        OPS.animate_from_video(filepath=str(broken))
    bpy.context.scene.actionmesh.clip = str(broken)
    with pytest.raises(RuntimeError, match="broken.mp4"):
        OPS.look()
