"""Results on NLA tracks: each plays its own keys, they add up, and what is done to one leaves the others alone."""

from contextlib import ExitStack
from dataclasses import replace

import bpy
import numpy as np
import pytest

from blender_addon.errors import ArtistError
from blender_addon.motion.weights import Loop
from blender_addon.scene import fcurves
from blender_addon.scene.armatures import _drop_poses
from blender_addon.scene.baking import bake_plain
from blender_addon.scene.duplicates import duplicate
from blender_addon.scene.exporters import ExportOptions, Format
from blender_addon.scene.exporting import export
from blender_addon.scene.key_blocks import other_keys
from blender_addon.scene.meshes import read_basis
from blender_addon.scene.motion_edits import smooth_motion
from blender_addon.scene.moving import moving_range
from blender_addon.scene.nla_tracks import keep_tracks, laid_results, push_down, take_up
from blender_addon.scene.options import Mode, Playback, WriteOptions
from blender_addon.scene.playback import rebuild_curves
from blender_addon.scene.result_removal import remove_active, remove_laid
from blender_addon.scene.seen import see
from blender_addon.scene.shape_keys import write_motion
from tests.addon.slices import do_all

from .dump import dump
from .scenes import dance, evaluated, patchwork
from .test_undone import points_of

CLOSE = 1e-5


RESTS_AT_1 = bpy.types.ShapeKey.bl_rna.properties["value"].default == 1.0
needs_rest_at_0 = pytest.mark.skipif(RESTS_AT_1, reason="Blender 5.0 turns every key fully on outside its strips")


def animate(target, clip, start=10, seed=0, **options):
    """Write a motion of 5 poses; return where it moves the vertices from rest, (5, V, 3)."""
    motion = replace(dance(target, seed=seed), provenance={"clip": f"/clips/{clip}"})
    write_motion(target, motion, WriteOptions(start=start, rate=24, **options))
    local = np.stack([motion.vertices[..., 0], -motion.vertices[..., 2], motion.vertices[..., 1]], axis=-1)
    return local.astype(np.float64) - local[motion.reference_frame]


def shown(target, frame):
    """Return where the vertices are drawn, from rest."""
    return evaluated(target, frame).astype(np.float64) - read_basis(target.data)


def assert_shows(target, moves):
    for frame, move in moves.items():
        off = np.abs(shown(target, frame) - move).max()
        assert off < CLOSE, f"{off:.2g} away at frame {frame}"


def two_results(**second):
    """Return a mesh with a walk on a track (frames 10 to 14) and an active wave (12 to 16), and their moves."""
    target = patchwork()
    walk = animate(target, "walk.mp4", seed=1)
    push_down(target)
    return target, walk, animate(target, "wave.mp4", start=12, seed=2, **second)


def tracks(target):
    return [track.name for track in target.data.shape_keys.animation_data.nla_tracks]


def strip_of(target, prefix):
    return next(laid.strip for laid in laid_results(target.data.shape_keys) if laid.record.keys == prefix)


def names(target):
    return [block.name for block in target.data.shape_keys.key_blocks]


def test_an_action_is_called_after_mesh_and_clip():
    target = patchwork("Husky")
    animate(target, "walk_*.png")
    assert target.data.shape_keys.animation_data.action.name == "Husky walk"
    animate(target, "run.mp4")
    assert [action.name for action in bpy.data.actions] == ["Husky run"]
    bpy.data.actions["Husky run"].name = "Mine"
    animate(target, "sit.mp4")
    assert [action.name for action in bpy.data.actions] == ["Mine"]


def test_the_strip_plays_what_the_result_played_and_nothing_outside():
    target = patchwork()
    walk = animate(target, "walk.mp4")
    laid = push_down(target)
    assert (laid.track.name, laid.strip.action.name) == ("walk", "Subject walk")
    assert (laid.strip.frame_start, laid.strip.frame_end) == (10, 14)
    assert names(target) == ["Basis", *(f"walk {number:04d}" for number in range(1, 6))]
    assert target.data.shape_keys.animation_data.action is None
    assert_shows(target, {10: walk[0], 11.5: (walk[1] + walk[2]) / 2, 14: walk[4], 9: 0 * walk[0], 15: 0 * walk[0]})


def test_two_results_add_up_and_the_second_leaves_the_first_alone():
    target = patchwork()
    walk = animate(target, "walk.mp4", seed=1)
    laid = push_down(target)
    before = dump(laid.strip.action), [points_of(block) for block in target.data.shape_keys.key_blocks[1:]]
    curves = {c.data_path: fcurves.read_points(c).tolist() for c in fcurves.curves_of(laid.strip.action, slot(laid))}
    wave = animate(target, "wave.mp4", start=12, seed=2)
    blocks = target.data.shape_keys.key_blocks
    assert before == (dump(laid.strip.action), [points_of(blocks[f"walk {n:04d}"]) for n in range(1, 6)])
    assert curves == {
        c.data_path: fcurves.read_points(c).tolist() for c in fcurves.curves_of(laid.strip.action, slot(laid))
    }
    assert all(block.relative_key == blocks["Basis"] for block in blocks)
    assert_shows(target, {10: walk[0] + wave[0], 13: walk[3] + wave[1], 14: walk[4] + wave[2], 16: wave[4]})
    push_down(target)
    assert tracks(target) == ["ActionMesh Rest", "walk", "wave"]
    assert_shows(target, {10: walk[0], 12.5: (walk[2] + walk[3] + wave[0] + wave[1]) / 2, 14: walk[4] + wave[2]})
    assert_shows(target, {15: wave[3], 17: 0 * wave[0]})


def slot(laid):
    return fcurves.slot_of(laid.strip)


def test_the_same_clip_twice_gets_keys_of_its_own():
    target = patchwork()
    first = animate(target, "walk.mp4", seed=1)
    push_down(target)
    second = animate(target, "walk.mp4", start=30, seed=2)
    push_down(target)
    assert tracks(target) == ["ActionMesh Rest", "walk", "walk 2"]
    assert_shows(target, {12: first[2], 13: first[3], 33: second[3]})


def test_strips_are_moved_scaled_repeated_and_faded():
    target, walk, wave = two_results()
    push_down(target)
    strip = strip_of(target, "wave")
    strip.frame_start_ui = 20
    assert_shows(target, {12: walk[2], 21: wave[1], 24: wave[4]})
    strip.scale = 2
    assert_shows(target, {21: (wave[0] + wave[1]) / 2, 28: wave[4]})
    strip.scale, strip.repeat = 1, 3
    assert_shows(target, {22: wave[2], 26: wave[2], 30: wave[2], 32.5: 0 * wave[0]})
    strip.repeat, strip.frame_start_ui = 1, 12
    strip.blend_in, strip_of(target, "walk").blend_out = 2, 2
    assert_shows(target, {12: walk[2], 13: walk[3] / 2 + wave[1] / 2, 14: wave[2], 15: wave[3]})


@pytest.mark.fault("A muted NLA track leaves the mesh in the pose that it had")
def test_a_muted_or_deleted_track_rests():
    target, walk, wave = two_results()
    push_down(target)
    first = target.data.shape_keys.animation_data.nla_tracks["walk"]
    assert_shows(target, {13: walk[3] + wave[1]})
    first.mute = True
    assert_shows(target, {13: wave[1], 14: wave[2]})
    first.mute = False
    assert_shows(target, {14: walk[4] + wave[2]})
    target.data.shape_keys.animation_data.nla_tracks.remove(first)
    target.data.shape_keys.update_tag()
    assert_shows(target, {14: wave[2], 13: wave[1]})
    assert [laid.track and laid.track.name for laid in laid_results(target.data.shape_keys)] == [None, "wave"]


def test_without_its_strip_a_result_is_taken_up_with_new_curves():
    target = patchwork()
    walk = animate(target, "walk.mp4", playback=Playback(strength=0.5))
    push_down(target)
    every = target.data.shape_keys.animation_data.nla_tracks
    every.remove(every["walk"])
    take_up(target, "walk")
    assert_shows(target, {13: walk[3] / 2, 14: walk[4] / 2})
    assert len(every) == 0


def test_a_loop_fills_the_scene_and_a_ping_pong_returns():
    target = patchwork()
    walk = animate(target, "walk.mp4", playback=Playback(loop=Loop.LOOP))
    laid = push_down(target, until=33)
    assert (laid.strip.frame_end, laid.strip.repeat) == (35, 5)
    assert_shows(target, {15: walk[0], 17: walk[2], 34: walk[4], 36: 0 * walk[0]})
    wave = animate(target, "wave.mp4", start=40, seed=2, playback=Playback(loop=Loop.PING_PONG))
    assert push_down(target).strip.frame_end == 48
    assert_shows(target, {41: wave[1], 44: wave[4], 47: wave[1], 50: 0 * wave[0]})


def test_the_artists_own_keys_and_curves_stay_out_of_the_strip():
    target = patchwork()
    target.shape_key_add(name="Basis")
    smile = target.shape_key_add(name="Smile")
    smile.value = 0.25
    smile.keyframe_insert("value", frame=3)
    walk = animate(target, "walk.mp4")
    own = target.data.shape_keys.animation_data.action
    laid = push_down(target)
    assert laid.strip.action != own and target.data.shape_keys.animation_data.action == own
    assert [curve.data_path for curve in fcurves.curves(target.data.shape_keys)] == ['key_blocks["Smile"].value']
    assert len(fcurves.curves_of(laid.strip.action, slot(laid))) == 5
    assert [block.name for block in other_keys(target.data.shape_keys)] == ["Smile"]
    assert_shows(target, {13: walk[3], 20: 0 * walk[0]})
    assert smile.value == 0.25
    with pytest.raises(ArtistError, match="already play the action"):
        take_up(target, "walk")


def push_down_as_blender_does(target, extrapolation="NOTHING"):
    key = target.data.shape_keys
    animation, action, chosen = key.animation_data, key.animation_data.action, fcurves.slot_of(key.animation_data)
    animation.action = None
    strip = animation.nla_tracks.new().strips.new("mine", 10, action)
    if chosen is not None:
        strip.action_slot = chosen
    strip.extrapolation = extrapolation


def test_what_blender_itself_pushed_down_is_on_a_track():
    target = patchwork()
    walk = animate(target, "walk.mp4", seed=1)
    push_down_as_blender_does(target)
    with pytest.raises(ArtistError, match="All results of Subject are on NLA tracks"):
        rebuild_curves(target, speed=2)
    assert [laid.record.keys for laid in laid_results(target.data.shape_keys)] == ["ActionMesh"]
    assert take_up(target, "ActionMesh").title == "walk"
    assert_shows(target, {13: walk[3], 30: walk[4]})


@needs_rest_at_0
@pytest.mark.fault("Blender's own Push Down, then a second clip on the mesh")
def test_what_blender_itself_pushed_down_is_kept_beside_the_next():
    target = patchwork()
    walk = animate(target, "walk.mp4", seed=1)
    copy = duplicate(target, ExitStack())
    push_down_as_blender_does(target)
    with ExitStack() as undo:
        keep_tracks(target, undo)
        wave = animate(target, "wave.mp4", start=12, seed=2)
        undo.pop_all()
    assert_shows(target, {10: walk[0] + wave[0], 13: walk[3] + wave[1], 16: wave[4]})
    assert [laid.record.keys for laid in laid_results(target.data.shape_keys)] == ["walk"]
    assert_shows(copy, {13: walk[3]})
    remove_laid(target, "walk")
    assert_shows(target, {13: wave[1]})


@pytest.mark.fault("A copy of an animated object stops moving when the original gets another motion")
def test_a_copy_keeps_its_motion_when_its_twin_gets_another():
    target = patchwork()
    walk = animate(target, "walk.mp4", seed=1)
    copy = duplicate(target, ExitStack())
    wave = animate(target, "wave.mp4", seed=2)
    assert_shows(copy, {13: walk[3]})
    assert_shows(target, {13: wave[3]})


@pytest.mark.fault("A duplicate that shares its action with an object whose result is pushed down")
def test_a_copy_that_shares_the_action_keeps_its_motion():
    target = patchwork()
    walk = animate(target, "walk.mp4")
    copy = duplicate(target, ExitStack())
    assert copy.data.shape_keys.animation_data.action == target.data.shape_keys.animation_data.action
    push_down(target)
    wave = animate(target, "wave.mp4", start=12, seed=2)
    assert_shows(copy, {13: walk[3]})
    assert_shows(target, {13: walk[3] + wave[1]})


def test_taken_up_again_it_can_be_edited_while_the_other_plays():
    target, walk, wave = two_results()
    with pytest.raises(ArtistError, match="another active result"):
        take_up(target, "walk")
    push_down(target)
    record = take_up(target, "walk")
    assert (record.title, record.keys, tracks(target)) == ("walk", "walk", ["ActionMesh Rest", "wave"])
    assert_shows(target, {10: walk[0], 13: walk[3] + wave[1], 14: walk[4] + wave[2]})
    kept = [points_of(block) for block in target.data.shape_keys.key_blocks if block.name.startswith("wave")]
    do_all(smooth_motion(target))
    rebuild_curves(target, strength=0.0)
    assert_shows(target, {10: 0 * walk[0], 13: wave[1], 16: wave[4]})
    assert kept == [points_of(block) for block in target.data.shape_keys.key_blocks if block.name.startswith("wave")]
    rebuild_curves(target, strength=1.0)
    push_down(target)
    assert tracks(target) == ["ActionMesh Rest", "wave", "walk"]


def test_editing_needs_an_active_result_and_says_so():
    target, _walk, _wave = two_results()
    push_down(target)
    for edit in (lambda: do_all(smooth_motion(target)), lambda: bake_plain(target), lambda: push_down(target)):
        with pytest.raises(ArtistError, match="All results of Subject are on NLA tracks. Take one up again"):
            edit()


def test_one_result_is_removed_and_only_it():
    target, walk, wave = two_results()
    push_down(target)
    action = strip_of(target, "wave").action
    before = dump(action), [points_of(b) for b in target.data.shape_keys.key_blocks if b.name.startswith("wave")]
    remove_laid(target, "walk")
    assert names(target) == ["Basis", *(f"wave {number:04d}" for number in range(1, 6))]
    assert before == (dump(action), [points_of(b) for b in target.data.shape_keys.key_blocks if b.name != "Basis"])
    assert sorted(item.name for item in bpy.data.actions) == ["Subject rest", "Subject wave"]
    assert_shows(target, {11: 0 * walk[0], 13: wave[1]})
    remove_laid(target, "wave")
    assert (names(target), tracks(target), len(bpy.data.actions)) == (["Basis"], [], 0)
    assert dict(target.data.shape_keys) == {}


def test_the_active_result_is_removed_and_the_tracks_stay():
    target, walk, _wave = two_results()
    remove_active(target)
    assert names(target) == ["Basis", *(f"walk {number:04d}" for number in range(1, 6))]
    assert sorted(item.name for item in bpy.data.actions) == ["Subject rest", "Subject walk"]
    assert_shows(target, {13: walk[3], 16: 0 * walk[0]})


def test_a_removed_result_leaves_a_strip_that_a_copy_plays_and_curves_of_others():
    target = patchwork()
    walk = animate(target, "walk.mp4")
    push_down(target)
    copy = duplicate(target, ExitStack())
    remove_laid(target, "walk")
    assert_shows(target, {13: 0 * walk[0]})
    assert_shows(copy, {13: walk[3], 20: 0 * walk[0]})


def test_while_a_strip_is_open_for_editing_nothing_is_changed():
    target, _walk, _wave = two_results()
    animation = target.data.shape_keys.animation_data
    animation.action = None
    animation.nla_tracks["walk"].select = animation.nla_tracks["walk"].strips[0].select = True
    animation.nla_tracks.active = animation.nla_tracks["walk"]
    animation.use_tweak_mode = True
    assert animation.use_tweak_mode
    for change in (lambda: push_down(target), lambda: remove_laid(target, "walk"), lambda: take_up(target, "walk")):
        before = names(target), tracks(target)
        with pytest.raises(ArtistError):
            change()
        assert before == (names(target), tracks(target))


def test_what_cannot_be_mixed_is_refused_in_a_sentence():
    target = patchwork()
    animate(target, "walk.mp4", mode=Mode.ABSOLUTE)
    with pytest.raises(ArtistError, match="absolute shape keys, of which only one motion can play"):
        push_down(target)
    animate(target, "walk.mp4")
    target["actionmesh_root"] = {}
    with pytest.raises(ArtistError, match="Apply its root motion first"):
        push_down(target)
    del target["actionmesh_root"]
    push_down(target)
    with pytest.raises(ArtistError, match="Absolute keys would switch off"):
        animate(target, "wave.mp4", mode=Mode.ABSOLUTE)
    with pytest.raises(ArtistError, match="no result 'run' on a track"):
        take_up(target, "run")


@pytest.mark.parametrize(
    "clip", ['wa"lk\\.mp4', "дуже довга назва кліпу, яка не вміщається в ім'я.mp4", "ActionMesh.mp4", "*.png"]
)
def test_any_name_of_a_clip(clip):
    target = patchwork()
    walk = animate(target, clip)
    push_down(target)
    wave = animate(target, clip, start=12, seed=2)
    push_down(target)
    assert_shows(target, {13: walk[3] + wave[1]})
    assert len({laid.record.keys for laid in laid_results(target.data.shape_keys)}) == 2


def test_save_and_reload(tmp_path):
    target, walk, wave = two_results()
    push_down(target)
    path = str(tmp_path / "tracks.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    target = bpy.data.objects["Subject"]
    assert_shows(target, {13: walk[3] + wave[1], 16: wave[4]})
    assert [laid.record.title for laid in laid_results(target.data.shape_keys)] == ["walk", "wave"]
    take_up(target, "wave")
    assert_shows(target, {13: walk[3] + wave[1], 20: wave[4]})


@pytest.mark.parametrize("strength", [1.0, 2.0])
def test_an_export_holds_the_mix(tmp_path, strength):
    target = patchwork()
    target.data.vertices[8].co = (0, 0, 1)  # glTF leaves loose vertices out
    walk = animate(target, "walk.mp4", seed=1, playback=Playback(strength=strength))
    push_down(target)
    wave = animate(target, "wave.mp4", start=12, seed=2)
    push_down(target)
    wanted = {frame: shown(target, frame)[:8] for frame in (10, 12, 13, 14, 16)}
    assert np.abs(wanted[13] - (strength * walk[3] + wave[1])[:8]).max() < CLOSE
    assert moving_range([target], 1, 250) == (10, 16)
    before = dump(target.data.shape_keys)
    export(bpy.context.scene, [target], tmp_path / "mix.glb", ExportOptions(Format.GLB))
    assert dump(target.data.shape_keys) == before
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=str(tmp_path / "mix.glb"))
    came = next(item for item in bpy.data.objects if item.type == "MESH")
    rest = read_basis(came.data)
    first = wanted[13]
    for frame, move in wanted.items():
        there = evaluated(came, frame - 10 + first_frame(came)) - rest
        for vertex in range(8):
            assert np.abs(there - move[vertex]).max(axis=1).min() < 1e-3, frame
    assert np.abs(first).max() > 0.01


def first_frame(came):
    return min(fcurves.read_points(curve)[:, 0].min() for curve in fcurves.curves(came.data.shape_keys))


def test_a_new_job_sees_the_mesh_at_rest():
    target = patchwork()
    animate(target, "walk.mp4")
    push_down(target)
    bpy.context.scene.frame_set(13)
    assert see(target, upright=False).carry is None


def test_a_baked_copy_and_a_rigged_one_keep_the_tracks():
    target, walk, wave = two_results()
    baked = bake_plain(target).object
    assert_shows(baked, {13: walk[3] + wave[1]})
    rigged = duplicate(target, ExitStack())
    _drop_poses(target, rigged, ExitStack())
    assert_shows(rigged, {13: walk[3], 16: 0 * walk[0]})
    remove_laid(baked, "walk")
    assert_shows(target, {13: walk[3] + wave[1]})
    assert_shows(baked, {13: wave[1]})
