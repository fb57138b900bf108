"""Root motion as the object's own, and back: what is drawn stays, and where it is kept changes."""

import bpy
import numpy as np
import pytest

from blender_addon.errors import ArtistError
from blender_addon.motion.root import Turn
from blender_addon.motion.weights import Loop
from blender_addon.scene import fcurves, root_motion
from blender_addon.scene.animation_record import read_record
from blender_addon.scene.key_blocks import coordinates_of, pose_keys
from blender_addon.scene.motion_edits import make_loop
from blender_addon.scene.options import Playback
from blender_addon.scene.root_motion import HOME, apply_root_motion, extract_root_motion
from tests.addon.slices import do_all

from .creature import ball, world
from .dump import dump_file
from .scenes import link
from .test_motion_edits import busy, dog, moving

OPS = bpy.ops.actionmesh
FRAMES = range(1, 32)


def travelling(count=31, turn=np.pi / 20):
    """Return a walk (T, V, 3) that moves by 0.1 along X and turns about Z from pose to pose."""
    poses = dog(1.5, count).astype(np.float64)
    for pose in range(count):
        cosine, sine = np.cos(turn * pose), np.sin(turn * pose)
        matrix = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
        poses[pose] = poses[pose] @ matrix.T + [0.1 * pose, 0, 0]
    return poses


def path(target, name, count, frames=FRAMES):
    return np.array([[fcurves.find(target, name, index).evaluate(frame) for index in range(count)] for frame in frames])


def placed(target, mode="XYZ"):
    """Put an object at an odd place below a parent."""
    parent = link(None, "Parent")
    parent.rotation_euler = (0.5, 0, 0)
    target.parent = parent
    target.rotation_mode = mode
    target.location, target.scale = (1, 2, 3), (1, 2, 0.5)
    if mode == "QUATERNION":
        target.rotation_quaternion = (0.8, 0.36, 0, 0.48)
    else:
        target.rotation_euler = (0.3, 0.2, 0.1)
    bpy.context.view_layer.update()
    return target


@pytest.mark.parametrize("mode", ["XYZ", "ZYX", "QUATERNION"])
@pytest.mark.parametrize("turn", list(Turn))
def test_what_is_seen_stays_in_both_directions(mode, turn):
    target = placed(moving(travelling()), mode)
    before, basis = world(target, FRAMES), np.array(target.matrix_basis)
    first = coordinates_of(pose_keys(target.data.shape_keys)[5])
    do_all(extract_root_motion(target, turn, upward=True))
    np.testing.assert_allclose(world(target, FRAMES), before, atol=2e-5)
    assert HOME in target and root_motion.moves_itself(target)
    do_all(apply_root_motion(target))
    np.testing.assert_allclose(world(target, FRAMES), before, atol=2e-5)
    np.testing.assert_allclose(coordinates_of(pose_keys(target.data.shape_keys)[5]), first, atol=2e-5)
    np.testing.assert_allclose(np.array(target.matrix_basis), basis, atol=1e-6)
    assert HOME not in target and target.animation_data.action is None


def test_body_stays_in_place_in_its_keys():
    target = moving(travelling())
    found = do_all(extract_root_motion(target))
    poses = np.array([coordinates_of(block) for block in pose_keys(target.data.shape_keys)])
    middles = poses.mean(axis=1)
    assert np.ptp(middles[:, :2], axis=0).max() < 0.1
    angles = path(target, "rotation_euler", 3)[:, 2]
    assert angles[-1] == pytest.approx(np.radians(9 * 30), abs=0.15) and np.abs(np.diff(angles)).max() < 0.3
    assert found.length == pytest.approx(3.0, abs=0.3) and found.angle == pytest.approx(np.radians(90), abs=0.15)
    np.testing.assert_array_equal(path(target, "location", 3)[:, 2], 0)


def test_bobbing_goes_to_the_object_on_request():
    poses = dog(1.5, 31) + np.sin(np.arange(31))[:, None, None] * np.array([0, 0, 1.0])
    target = moving(poses)
    do_all(extract_root_motion(target, Turn.NONE, upward=True))
    assert np.abs(path(target, "location", 3)[:, 2] - np.sin(np.arange(31))).max() < 0.1
    assert fcurves.find(target, "rotation_euler") is None


def test_strength_and_speed_are_respected():
    target = moving(travelling(turn=0.0), playback=Playback(strength=1.5, speed=2.0))
    frames = read_record(target.data.shape_keys).frames
    before = world(target, frames)
    do_all(extract_root_motion(target))
    np.testing.assert_allclose(world(target, frames), before, atol=2e-5)
    do_all(apply_root_motion(target))
    np.testing.assert_allclose(world(target, frames), before, atol=2e-5)


@pytest.mark.parametrize("loop", list(Loop))
def test_root_repeats_as_the_poses_do(loop):
    target = moving(travelling(9), playback=Playback(loop=loop))
    frames = range(1, 40)
    before = world(target, frames)
    do_all(extract_root_motion(target))
    np.testing.assert_allclose(world(target, frames), before, atol=0.02)


def test_loop_in_place_travels_on():
    target = moving(travelling(61, turn=0.0))
    do_all(extract_root_motion(target, Turn.NONE))
    made = do_all(make_loop(target, blend=4))
    count, speed = made.last - made.first, 0.1
    places = world(target, made.first + np.arange(0, 4 * count, count)).mean(axis=1)
    np.testing.assert_allclose(np.diff(places[:, 0]), speed * count, atol=0.05)


def test_motion_that_was_keyed_by_the_artist_is_applied():
    target = moving(dog(1.5, 31))
    for frame, place in ((1, 0.0), (31, 3.0)):
        target.location.x = place
        target.keyframe_insert("location", index=0, frame=frame)
    target.hide_render = True
    target.keyframe_insert("hide_render", frame=1)
    before = world(target, FRAMES)
    do_all(apply_root_motion(target))
    np.testing.assert_allclose(world(target, FRAMES), before, atol=1e-5)
    assert [curve.data_path for curve in fcurves.curves(target)] == ["hide_render"]


def test_other_curves_and_a_shared_action_stay():
    target, other = moving(travelling()), link(None, "Other")
    target.keyframe_insert("scale", frame=1)
    action = target.animation_data.action
    other.animation_data_create()
    fcurves.assign(
        other.animation_data, action, target.animation_data.action_slot.identifier if fcurves.SLOTTED else None
    )
    do_all(extract_root_motion(target))
    assert {curve.data_path for curve in fcurves.curves(target)} == {"scale", "location", "rotation_euler"}
    assert {curve.data_path for curve in fcurves.curves(other)} == {"scale"}


@pytest.mark.parametrize("cancel", [3, 40, 60, 70, 90])
def test_cancelled_half_way_is_taken_back(cancel):
    target = moving(travelling())
    before = dump_file()
    work = extract_root_motion(target)
    for _ in range(cancel):
        next(work)
    work.close()
    assert dump_file() == before


def test_artists_keys_stay():
    source = busy()
    key = source.data.shape_keys
    source.parent = None
    bpy.context.view_layer.update()
    do_all(extract_root_motion(source))
    do_all(apply_root_motion(source))
    assert [block.name for block in key.key_blocks if "ActionMesh" not in block.name] == ["Basis", "Smile", "Frown"]
    assert key.animation_data.drivers[0].data_path == 'key_blocks["Smile"].value'


def test_what_cannot_be_keyed_is_named():
    target = moving(travelling())
    with pytest.raises(ArtistError, match="does not move as an object"):
        do_all(apply_root_motion(target))
    target.delta_location = (1, 0, 0)
    with pytest.raises(ArtistError, match="delta transform"):
        do_all(extract_root_motion(target))
    target.delta_location = (0, 0, 0)
    target.rotation_mode = "AXIS_ANGLE"
    with pytest.raises(ArtistError, match="axis and angle"):
        do_all(extract_root_motion(target))
    target.rotation_mode = "XYZ"
    target.driver_add("location", 0)
    with pytest.raises(ArtistError, match="has drivers"):
        do_all(extract_root_motion(target))
    target.driver_remove("location", 0)
    target.scale = (1, 1, 0)
    bpy.context.view_layer.update()
    with pytest.raises(ArtistError, match="scaled flat"):
        do_all(extract_root_motion(target))
    target.scale = (1, 1, 1)
    bpy.context.view_layer.update()
    do_all(extract_root_motion(target))
    with pytest.raises(ArtistError, match="already moves as an object"):
        do_all(extract_root_motion(target))


def test_operators(addon, capfd):
    target = moving(travelling())
    with pytest.raises(RuntimeError, match="Select a mesh that moves as an object"):
        OPS.apply_root_motion()
    assert OPS.extract_root_motion(turn="UP") == {"FINISHED"}
    assert "Root motion: " in capfd.readouterr().out
    with pytest.raises(RuntimeError, match="Apply its root motion first"):
        OPS.lock_feet()
    assert OPS.apply_root_motion() == {"FINISHED"}
    assert not root_motion.moves_itself(target)
    bpy.context.view_layer.objects.active = ball()
    with pytest.raises(RuntimeError, match="Select a mesh that ActionMesh animated"):
        OPS.extract_root_motion()
