"""Motions baked into other keys: what is drawn matches the source, and the artist's work stays."""

from functools import partial
from itertools import product

import bpy
import numpy as np
import pytest

from blender_addon.errors import ArtistError
from blender_addon.motion.compression import compress
from blender_addon.motion.result_file import Motion
from blender_addon.motion.weights import Loop
from blender_addon.scene import baking, fcurves
from blender_addon.scene.animation_record import read_record
from blender_addon.scene.baking import bake_compressed, bake_plain, bake_thinned
from blender_addon.scene.key_blocks import pose_keys
from blender_addon.scene.meshes import read_basis
from blender_addon.scene.options import Mode, Playback, WriteOptions
from blender_addon.scene.playback import rebuild_curves
from blender_addon.scene.shape_keys import write_motion
from tests.addon.walk import walk

from .creature import animate, ball, paint, rig
from .scenes import evaluated

FRAMES = np.arange(1, 25, 0.5)


def drawn(target, frames=FRAMES):
    return np.array([evaluated(target, frame) for frame in frames], np.float64)


def gap(before, after):
    size = np.linalg.norm(np.ptp(before[0], axis=0))
    return np.linalg.norm(before - after, axis=-1).max() / size


def walker(poses=31, **options):
    """Return a mesh that walks; its rest pose is that of frame 7."""
    steps = walk(poses, rings=8, around=6)
    mesh = bpy.data.meshes.new("Walker")
    faces = [(i, i + 1, i + 7, i + 6) for i in range(0, steps.shape[1] - 7, 6)]
    mesh.from_pydata(steps[7], [], faces)
    target = bpy.data.objects.new("Walker", mesh)
    bpy.context.scene.collection.objects.link(target)
    upright = steps[:, :, [0, 2, 1]] * np.float32([1, 1, -1])
    motion = Motion(
        upright, np.array([[0, 1, 7]], np.int32), np.arange(poses) / 24, 7, np.arange(poses), {"clip": "walk.mp4"}
    )
    write_motion(target, motion, WriteOptions(start=1, rate=24, **options))
    return target


@pytest.mark.parametrize(
    ("mode", "loop"), [choice for choice in product(Mode, Loop) if choice != (Mode.ABSOLUTE, Loop.LOOP)]
)
def test_plain_bake_moves_as_its_source(mode, loop):
    source = ball()
    animate(source, mode=mode, playback=Playback(speed=1.3, loop=loop))
    before = drawn(source)
    result = bake_plain(source)
    key = result.object.data.shape_keys
    assert key.use_relative and (result.keys, result.poses) == (7, 7) and result.object is not source
    assert gap(before, drawn(result.object)) < 2e-6
    np.testing.assert_array_equal(drawn(source), before)


def test_absolute_loop_holds_its_last_pose_where_the_baked_one_returns_smoothly():
    source = ball()
    animate(source, mode=Mode.ABSOLUTE, playback=Playback(loop=Loop.LOOP))
    result = bake_plain(source)
    first = read_record(source.data.shape_keys).frames
    assert gap(drawn(source, first), drawn(result.object, first)) < 2e-6


def test_thinned_bake_keeps_its_poses_and_runs_straight_between():
    source = ball()
    animate(source, start=1, poses=9, clip_rate=24.0, reference=3, playback=Playback(strength=1.5))
    result = bake_thinned(source, 4)
    assert (result.keys, result.poses) == (4, 4)
    for frame in (1, 4, 5, 9):
        assert gap(drawn(source, [frame]), drawn(result.object, [frame])) < 2e-6, frame
    middle = (drawn(source, [5]) + drawn(source, [9])) / 2
    assert gap(middle, drawn(result.object, [7])) < 2e-6
    assert read_record(result.object.data.shape_keys).reference_frame == 1
    rebuild_curves(source, strength=1.0), rebuild_curves(result.object, strength=1.0)
    basis = read_basis(source.data)
    farthest = np.linalg.norm(drawn(source) - drawn(result.object), axis=-1).max() / np.linalg.norm(
        np.ptp(basis, axis=0)
    )
    assert result.error == pytest.approx(farthest, rel=1e-4)


def test_compressed_walk_stays_within_the_error_everywhere():
    source = walker()
    before = drawn(source)
    result = bake_compressed(source, max_error=0.005)
    assert result.keys <= 12 and result.poses == 31 and 0.0005 < result.error <= 0.005
    error = np.linalg.norm(before - drawn(result.object), axis=-1).max()
    size = np.linalg.norm(np.ptp(read_basis(source.data), axis=0))
    assert error / size == pytest.approx(result.error, rel=1e-3)


def test_compressed_reference_pose_is_the_basis():
    source = walker()
    result = bake_compressed(source, max_keys=5)
    assert result.keys == 5
    np.testing.assert_array_equal(drawn(result.object, [8])[0], read_basis(source.data))


@pytest.mark.parametrize("loop", list(Loop))
def test_compressed_bake_keeps_times_strength_speed_and_loop_and_can_change_them(loop):
    source = walker(playback=Playback(strength=1.4, speed=1.7, loop=loop))
    result = bake_compressed(source, max_error=1e-5)
    assert gap(drawn(source), drawn(result.object)) < 5e-5
    for changes in ({"strength": 0.4}, {"speed": 0.8}, {"loop": Loop.NONE}):
        rebuild_curves(source, **changes), rebuild_curves(result.object, **changes)
        assert gap(drawn(source), drawn(result.object)) < 5e-5, changes


def test_edited_curves_are_followed():
    source = walker()
    key = source.data.shape_keys
    for block in pose_keys(key):
        curve = fcurves.find(key, fcurves.value_path(block.name))
        fcurves.set_points(curve, fcurves.read_points(curve) * np.float32([1, 0.5]) + np.float32([3, 0]))
    before = drawn(source)
    for result in (bake_plain(source), bake_compressed(source, max_error=1e-5)):
        assert gap(before, drawn(result.object)) < 5e-5


def test_compressed_keys_become_plain_again():
    source = walker()
    compressed = bake_compressed(source, max_error=1e-5).object
    plain = bake_plain(compressed)
    assert plain.keys == 31 and gap(drawn(source), drawn(plain.object)) < 5e-5
    assert not read_record(plain.object.data.shape_keys).weights


def busy():
    """Return a source with everything that an artist may have on a mesh."""
    source = ball()
    paint(source)
    smile = source.shape_key_add(name="Basis") and source.shape_key_add(name="Smile", from_mix=False)
    smile.points[3].co.x += 0.5
    smile.driver_add("value").driver.expression = "frame / 50"
    animate(source)
    armature = rig(source)
    source.modifiers.new("Shell", "SOLIDIFY").thickness = 0.1
    source["note"] = "mine"
    return source, armature


BAKES = pytest.mark.parametrize(
    "bake", [bake_plain, partial(bake_thinned, step=1), partial(bake_compressed, max_error=1e-6)]
)


@BAKES
def test_copy_has_everything_of_the_artists_and_the_source_stays(bake):
    source, armature = busy()
    before, mesh, names = drawn(source), source.data, [key.name for key in source.data.shape_keys.key_blocks]
    copy = bake(source).object
    assert gap(before, drawn(copy)) < 1e-5
    assert [modifier.type for modifier in copy.modifiers] == ["ARMATURE", "SOLIDIFY"] and copy.modifiers[
        0
    ].object is armature
    assert copy.parent is armature and copy.matrix_world == source.matrix_world and copy["note"] == "mine"
    assert [slot.material for slot in copy.material_slots] == [slot.material for slot in source.material_slots]
    assert [group.name for group in copy.vertex_groups] == ["Lower", "Upper"]
    assert copy.data.shape_keys.animation_data.drivers[0].data_path == 'key_blocks["Smile"].value'
    assert set(copy.users_collection) == set(source.users_collection)
    assert source.data is mesh and [key.name for key in mesh.shape_keys.key_blocks] == names
    assert copy.data.shape_keys.animation_data.action != mesh.shape_keys.animation_data.action
    np.testing.assert_array_equal(drawn(source), before)


@BAKES
def test_source_is_replaced_when_that_is_wanted(bake):
    source, _armature = busy()
    child = bpy.data.objects.new("Hat", None)
    child.parent = source
    before, count, meshes, mesh_name = drawn(source), len(bpy.data.objects), len(bpy.data.meshes), source.data.name
    result = bake(source, replace_source=True)
    assert result.object == source and child.parent == source and source.name == "Creature"
    assert (len(bpy.data.objects), len(bpy.data.meshes), source.data.name) == (count, meshes, mesh_name)
    assert gap(before, drawn(source)) < 1e-5


@BAKES
@pytest.mark.parametrize("step", ["add_pose", "write_record", "write_curves"])
def test_nothing_is_left_when_baking_fails(bake, step, monkeypatch):
    source, _armature = busy()
    before = drawn(source)
    kinds = ("objects", "meshes", "shape_keys", "actions")
    names = {kind: [item.name for item in getattr(bpy.data, kind)] for kind in kinds}

    def fail(*_arguments):
        raise MemoryError

    monkeypatch.setattr(baking, step, fail)
    with pytest.raises(MemoryError):
        bake(source, replace_source=True)
    assert {kind: [item.name for item in getattr(bpy.data, kind)] for kind in kinds} == names
    np.testing.assert_array_equal(drawn(source), before)


def test_what_cannot_be_baked_is_named():
    still = ball()
    with pytest.raises(ArtistError, match="Creature has no ActionMesh animation"):
        bake_plain(still)
    animate(still)
    with pytest.raises(ArtistError, match="step between kept frames is 0"):
        bake_thinned(still, 0)
    with pytest.raises(ArtistError, match="allowed error is 0"):
        bake_compressed(still, max_error=0.0)
    with pytest.raises(ArtistError, match="moves by less than the allowed error"):
        bake_compressed(still, max_error=0.99)
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(ArtistError, match="being edited") as caught:
        bake_plain(still)
    assert caught.value.fix == "object.mode_set"
    bpy.ops.object.mode_set(mode="OBJECT")
    still.shape_key_remove(pose_keys(still.data.shape_keys)[2])
    with pytest.raises(ArtistError, match="6 of its 7"):
        bake_plain(still)


def test_error_is_that_of_the_compression():
    source = walker()
    basis = read_basis(source.data)
    moves = np.array([pose - basis for pose in drawn(source, range(1, 32))]).astype(np.float32)
    alone = compress(moves, np.linalg.norm(np.ptp(basis, axis=0)), max_keys=6)
    assert bake_compressed(source, max_keys=6).error == pytest.approx(alone.error, rel=1e-3)
