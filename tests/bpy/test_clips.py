"""The animations of imported files: found, named as the file names them, and played one at a time."""

import bpy
import numpy as np
import pytest

from blender_addon.scene.clips import play
from blender_addon.scene.importing import open_alone
from blender_addon.scene.tracking import read_motion

from .clip_files import centre, dancing_rig, export_fbx, export_glb, moving_ball
from .creature import ball


def played(path, name):
    """Return the motion of one animation from its first frame to its last, at both ends."""
    opened = open_alone(path)
    clip = next(clip for clip in opened.clips if clip.name == name)
    play(clip)
    return read_motion(bpy.context.scene, list(clip.span)), clip.span


@pytest.mark.parametrize(
    ("name", "way", "last"), [("Walk", (6, 0, 0), 13), ("Stand", (0, 0, 0), 9), ("Swell", (0, 0, 4), 21)]
)
def test_every_animation_of_a_gltf_file_plays_its_own(tmp_path, name, way, last):
    moving_ball()
    moving, span = played(export_glb(tmp_path / "ball.glb"), name)
    assert span == (1.0, last) and np.allclose(np.diff(centre(moving), axis=0), [way], atol=1e-4)
    sizes = np.ptp(moving.vertices, axis=1).max(axis=1)
    assert sizes[1] / sizes[0] == pytest.approx(2 if name == "Swell" else 1, rel=1e-4)


def test_shape_keys_and_objects_of_one_name_are_one_animation(tmp_path):
    moving_ball()
    clips = open_alone(export_glb(tmp_path / "ball.glb")).clips
    assert sorted(clip.name for clip in clips) == ["Stand", "Swell", "Walk"]
    kinds = {clip.name: sorted(type(part.owner).__name__ for part in clip.parts) for clip in clips}
    assert kinds["Swell"] == ["Key", "Object"] and kinds["Walk"] == ["Object"]


def test_every_take_of_an_fbx_file_plays_its_own(tmp_path):
    dancing_rig()
    path = export_fbx(tmp_path / "dance.fbx")
    clips = open_alone(path).clips
    assert sorted(clip.name for clip in clips) == ["Both", "Upper"], [clip.name for clip in clips]
    lengths = [np.ptp(read.vertices[0], axis=0) for read, _ in (played(path, name) for name in ("Both", "Upper"))]
    assert not np.allclose(*lengths, atol=1e-2), "the lower bone is turned in one of them alone"


def test_what_a_clip_leaves_alone_is_at_rest(tmp_path):
    _, armature = dancing_rig()
    armature.data.pose_position = "REST"
    resting = read_motion(bpy.context.scene, [1]).vertices[0]
    armature.data.pose_position = "POSE"
    path = export_glb(tmp_path / "dance.glb", sparse=True)
    played(path, "Both")
    moving, _ = played(path, "Upper")
    assert np.allclose(np.ptp(moving.vertices[0], axis=0), np.ptp(resting, axis=0), atol=1e-3)
    both, _ = played(path, "Both")
    assert not np.allclose(np.ptp(both.vertices[0], axis=0), np.ptp(resting, axis=0), atol=1e-1)


def test_a_shape_key_of_another_clip_is_let_go(tmp_path):
    moving_ball()
    path = export_glb(tmp_path / "ball.glb")
    small, swollen = (np.ptp(played(path, name)[0].vertices[-1], axis=0).max() for name in ("Stand", "Swell"))
    assert swollen == pytest.approx(2 * small, rel=1e-3)
    by_name = {clip.name: clip for clip in open_alone(path).clips}
    play(by_name["Swell"])
    bpy.context.scene.frame_set(21)
    play(by_name["Walk"])
    assert np.ptp(read_motion(bpy.context.scene, [13]).vertices[0], axis=0).max() == pytest.approx(small, rel=1e-3)


def test_a_file_without_animations_has_one_clip_of_one_frame(tmp_path):
    ball()
    clips = open_alone(export_glb(tmp_path / "still.glb")).clips
    assert len(clips) == 1 and clips[0].name == "" and clips[0].span[0] == clips[0].span[1]
