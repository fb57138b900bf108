"""Motions written as shape keys: what is drawn, at frames and between them, matches interpolation in numpy."""

import bpy
import numpy as np
import pytest

from blender_addon.errors import ArtistError, TargetChanged, TargetError
from blender_addon.motion.axes import FACINGS
from blender_addon.motion.result_file import Motion
from blender_addon.motion.weights import Loop
from blender_addon.scene.fcurves import curves
from blender_addon.scene.key_blocks import add_pose
from blender_addon.scene.meshes import read_basis
from blender_addon.scene.options import Mode, Playback, WriteOptions
from blender_addon.scene.playback import rebuild_curves
from blender_addon.scene.shape_keys import write_motion

from .scenes import between, cloud, dance, evaluated, expected, patchwork

OPTIONS = WriteOptions(start=10, rate=24)
PLACES = (0, 0.25, 0.5, 1, 1.5, 2, 2.75, 3, 3.5, 4)


def write(target, motion, **changes):
    return write_motion(target, motion, WriteOptions(**vars(OPTIONS) | changes))


def assert_plays(target, poses, start=10.0, step=1.0, places=PLACES, tolerance=2e-6):
    size = np.ptp(read_basis(target.data), axis=0).max()
    for place in places:
        difference = np.abs(evaluated(target, start + place * step) - between(poses, place)).max()
        assert difference < tolerance * size, f"at place {place} of the poses: {difference / size:.2e} of the size"


@pytest.mark.parametrize("mode", list(Mode))
def test_every_pose_is_drawn_and_straight_lines_between(mode):
    target = patchwork()
    motion, basis = dance(target), read_basis(target.data)
    written = write(target, motion, mode=mode)
    assert written.keys == tuple(f"ActionMesh {number:04d}" for number in range(1, 6))
    assert (written.start, written.end) == (10, 14)
    poses = expected(motion, basis)
    assert_plays(target, poses)
    assert_plays(target, poses[:1], start=-20, places=(0,))
    assert_plays(target, poses[-1:], start=90, places=(0,))


@pytest.mark.parametrize("mode", list(Mode))
def test_reference_pose_is_the_basis_bit_for_bit(mode):
    target = patchwork()
    basis = read_basis(target.data)
    write(target, dance(target), mode=mode)
    key = target.data.shape_keys
    assert read_basis(target.data).tobytes() == basis.tobytes()
    stored = np.empty_like(basis)
    key.key_blocks["ActionMesh 0003"].points.foreach_get("co", stored.ravel())
    assert stored.tobytes() == basis.tobytes()
    target.data.vertices.foreach_get("co", stored.ravel())
    assert stored.tobytes() == basis.tobytes()
    assert np.abs(evaluated(target, 12) - basis).max() <= 1e-6


def test_without_keeping_the_reference_pose_the_result_is_shown_as_it_came():
    target = patchwork()
    motion, basis = dance(target), read_basis(target.data)
    write(target, motion, keep_reference_pose=False)
    came = np.array([np.stack([x, -z, y], axis=1) for x, y, z in (pose.T for pose in motion.vertices)])
    assert np.abs(came[2] - basis).max() > 1e-3
    assert_plays(target, came)


@pytest.mark.parametrize("facing", list(FACINGS))
def test_facings(facing):
    target = patchwork()
    motion, basis = dance(target, facing), read_basis(target.data)
    write(target, motion, facing=facing)
    assert_plays(target, expected(motion, basis, facing))


def test_times_map_by_seconds_to_the_scene_rate():
    target = patchwork()
    motion, basis = dance(target, rate=12.0), read_basis(target.data)
    written = write(target, motion, rate=30 / 1.001, start=1)
    poses, step = expected(motion, basis), 30 / 1.001 / 12
    assert_plays(target, poses, start=1, step=step, tolerance=1e-5)
    assert (written.start, written.end) == (1, 11)


@pytest.mark.parametrize("scale", [0.001, 1000.0])
def test_millimetres_kilometres_and_transforms_change_nothing_locally(scale):
    plain, turned = patchwork("Plain"), patchwork("Turned")
    for vertex in turned.data.vertices:
        vertex.co *= scale
    parent = bpy.data.objects.new("Parent", None)
    bpy.context.scene.collection.objects.link(parent)
    parent.location, parent.rotation_euler = (1e3, -7, 2), (1, 2, 3)
    turned.parent, turned.rotation_euler, turned.scale, turned.location = parent, (0.3, -1, 2), (3, 0.1, -2), (4, 5, 6)
    before = turned.matrix_basis.copy(), turned.matrix_parent_inverse.copy()
    write(plain, dance(plain))
    write(turned, dance(turned))
    for frame in (10, 11.5, 14):
        assert np.allclose(evaluated(turned, frame) / scale, evaluated(plain, frame), rtol=0, atol=2e-5)
    assert (turned.matrix_basis, turned.matrix_parent_inverse) == before


def test_writing_again_replaces_only_our_own_keys_and_curves():
    target = patchwork()
    own = target.shape_key_add(name="Basis") and target.shape_key_add(name="Smile")
    own.value = 0.25
    own.keyframe_insert("value", frame=1)
    write(target, dance(target, poses=7, reference=0, seed=1))
    write(target, motion := dance(target), start=3)
    names = [block.name for block in target.data.shape_keys.key_blocks]
    assert names == ["Basis", "Smile", *(f"ActionMesh {number:04d}" for number in range(1, 6))]
    assert curve_paths(target) == {f'key_blocks["{name}"].value' for name in names[1:]}
    assert_plays(target, expected(motion, read_basis(target.data)), start=3)
    assert target.data.shape_keys.key_blocks["Smile"].value == 0.25


@pytest.mark.parametrize("first", list(Mode))
@pytest.mark.parametrize("second", list(Mode))
def test_any_mode_replaces_any_mode(first, second):
    target = patchwork()
    write(target, dance(target, poses=7, reference=0, seed=1), mode=first)
    write(target, motion := dance(target), mode=second)
    assert len(curve_paths(target)) == (5 if second == Mode.RELATIVE else 1)
    assert len(target.data.shape_keys.key_blocks) == 6
    assert_plays(target, expected(motion, read_basis(target.data)), tolerance=1e-5)


def curve_paths(target):
    return {curve.data_path for curve in curves(target.data.shape_keys)}


@pytest.mark.parametrize("mode", list(Mode))
def test_loop_runs_back_to_the_first_pose_and_on(mode):
    target = patchwork()
    motion, basis = dance(target), read_basis(target.data)
    write(target, motion, mode=mode, playback=Playback(loop=Loop.LOOP))
    poses = expected(motion, basis)
    for period in range(4):
        assert_plays(target, poses, start=10 + 5 * period, places=PLACES[:-1] + (4,), tolerance=1e-5)
    if mode == Mode.RELATIVE:
        closing = (poses[4] + poses[0]) / 2
        assert np.abs(evaluated(target, 10 + 5 * 3 + 4.5) - closing).max() < 1e-5
    assert_plays(target, poses[:1], start=-3, places=(0,))


@pytest.mark.parametrize("mode", list(Mode))
def test_ping_pong_runs_there_and_back(mode):
    target = patchwork()
    motion, basis = dance(target), read_basis(target.data)
    write(target, motion, mode=mode, playback=Playback(loop=Loop.PING_PONG))
    poses = expected(motion, basis)
    for period in range(3):
        assert_plays(target, poses, start=10 + 8 * period, tolerance=1e-5)
        assert_plays(target, poses[::-1], start=14 + 8 * period, tolerance=1e-5)


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0, 1.7, 2.0])
def test_strength_blends_between_rest_and_motion(strength):
    target = patchwork()
    motion, basis = dance(target), read_basis(target.data)
    write(target, motion)
    rebuild_curves(target, strength=strength)
    assert_plays(target, expected(motion, basis, strength=strength))
    assert strength or np.abs(evaluated(target, 13) - basis).max() < 1e-6


@pytest.mark.parametrize("mode", list(Mode))
def test_rebuilt_curves_are_those_that_would_have_been_written(mode):
    fresh, changed = patchwork("Fresh"), patchwork("Changed")
    motion, strength = dance(fresh), 1.0 if mode == Mode.ABSOLUTE else 1.3
    wanted = Playback(strength=strength, speed=0.4, loop=Loop.LOOP)
    one = write(fresh, motion, mode=mode, playback=wanted)
    write(changed, motion, mode=mode)
    for detour in (2.0, 0.4):
        two = rebuild_curves(changed, strength=strength, speed=detour, loop=Loop.LOOP)
    assert one == two and one.end == 10 + 13
    for frame in np.arange(8, 60, 0.7):
        assert np.abs(evaluated(fresh, frame) - evaluated(changed, frame)).max() <= 1e-6
    rebuild_curves(changed, strength=1.0, speed=1.0, loop=Loop.NONE)
    assert_plays(changed, expected(motion, read_basis(changed.data)))


@pytest.mark.parametrize("mode", list(Mode))
def test_the_window_follows_a_change_without_a_change_of_frame(mode):
    target = patchwork()
    basis = read_basis(target.data)
    evaluated(target, 11)
    for seed in (0, 1):
        write(target, motion := dance(target, seed=seed), mode=mode)
        assert np.abs(evaluated(target) - expected(motion, basis)[1]).max() < 2e-5
    rebuild_curves(target, speed=0.5)
    assert np.abs(evaluated(target) - between(expected(motion, basis), 0.5)).max() < 2e-5


def test_keys_and_curves_are_plain():
    target = patchwork()
    write(target, dance(target), playback=Playback(strength=1.5))
    for block in target.data.shape_keys.key_blocks[1:]:
        assert (
            block.relative_key.name == "Basis" and not block.mute and (block.slider_min, block.slider_max) == (0, 1.5)
        )
    for curve in curves(target.data.shape_keys):
        assert {point.interpolation for point in curve.keyframe_points} == {"LINEAR"} and not curve.modifiers
    assert add_pose(target, 5, read_basis(target.data)).value == 0


def test_selected_key_and_pinning():
    target = patchwork()
    target.shape_key_add(name="Basis")
    target.shape_key_add(name="Smile")
    target.active_shape_key_index, target.show_only_shape_key = 1, True
    for _ in range(2):
        write(target, dance(target))
        assert target.active_shape_key.name == "Smile" and not target.show_only_shape_key
    target.active_shape_key_index = 4
    write(target, dance(target))
    assert target.active_shape_key.name == "ActionMesh 0003"


def test_what_made_it_is_kept_with_the_key():
    target = patchwork()
    write(target, dance(target), job="20250101-abc")
    kept = target.data.shape_keys["actionmesh"].to_dict()
    assert kept["times"] == [pose / 24 for pose in range(5)]
    assert (kept["start_frame"], kept["frames_per_second"], kept["reference_frame"]) == (10, 24, 2)
    assert (kept["mode"], kept["strength"], kept["speed"], kept["loop"]) == ("RELATIVE", 1, 1, "NONE")
    assert kept["job"] == "20250101-abc" and "dance.mp4" in kept["provenance"]


def test_one_pose_stands_still():
    target = patchwork()
    motion, basis = dance(target, poses=1, reference=0), read_basis(target.data)
    for loop in Loop:
        assert write(target, motion, playback=Playback(loop=loop)).end == 10
        assert_plays(target, basis[None], places=(0,))


def test_refusals():
    target = patchwork()
    motion = dance(target)
    with pytest.raises(TargetChanged, match="Grown has 10 vertices, the animation 9"):
        grown = patchwork("Grown")
        grown.data.vertices.add(1)
        write(grown, motion)
    with pytest.raises(ArtistError, match="no ActionMesh animation"):
        rebuild_curves(target, strength=1)
    with pytest.raises(ArtistError, match="cannot be blended"):
        write(target, motion, mode=Mode.ABSOLUTE, playback=Playback(strength=0.5))
    target.shape_key_add(name="Basis")
    target.shape_key_add(name="Smile")
    with pytest.raises(TargetError, match="Smile"):
        write(target, motion, mode=Mode.ABSOLUTE)
    assert [block.name for block in target.data.shape_keys.key_blocks] == ["Basis", "Smile"]
    write(target, motion)
    target.shape_key_remove(target.data.shape_keys.key_blocks["ActionMesh 0002"])
    with pytest.raises(ArtistError, match="4 of its 5"):
        rebuild_curves(target, strength=1)


@pytest.mark.parametrize(
    "wrong", [{"strength": 2.1}, {"strength": -0.1}, {"speed": 0}, {"speed": 1e38}, {"speed": float("nan")}]
)
def test_playback_out_of_range(wrong):
    with pytest.raises(ArtistError):
        Playback(**wrong)


def test_three_million_vertices():
    target = cloud(3_000_000)
    basis = read_basis(target.data)
    still = np.stack([basis[:, 0], basis[:, 2], -basis[:, 1]], axis=1)
    lifts = np.array([0.0, 0.5, 0.25], np.float32)
    vertices = np.stack([still + np.float32(lift) * np.array([0, 1, 0], np.float32) for lift in lifts])
    motion = Motion(vertices, np.zeros((0, 3), np.int32), np.arange(3) / 24, 0, np.arange(3))
    write(target, motion)
    assert np.abs(evaluated(target, 11.5) - basis - np.array([0, 0, 0.375])).max() < 1e-6
