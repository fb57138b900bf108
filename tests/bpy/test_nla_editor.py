"""Results after the artist's own work in the NLA editor: Push Down, meta strips, deleted tracks, actions of several."""

from contextlib import ExitStack

import bpy
import numpy as np
import pytest

from blender_addon.errors import ArtistError
from blender_addon.scene import fcurves
from blender_addon.scene.asset_marks import AssetOptions, mark_result
from blender_addon.scene.duplicates import duplicate
from blender_addon.scene.exporters import ExportOptions, Format
from blender_addon.scene.exporting import export
from blender_addon.scene.moving import moving_range
from blender_addon.scene.nla_tracks import keep_tracks, laid_results, push_down, take_up
from blender_addon.scene.options import Mode, Playback
from blender_addon.scene.portable_keys import portable_keys
from blender_addon.scene.result_removal import remove_active, remove_laid

from .dump import dump
from .scenes import patchwork
from .test_nla_tracks import (
    CLOSE,
    animate,
    assert_shows,
    names,
    needs_rest_at_0,
    push_down_as_blender_does,
    shown,
    tracks,
    two_results,
)

needs_slots = pytest.mark.skipif(not fcurves.SLOTTED, reason="Blender has slots from 4.4 on")


def smiling(frame=3):
    """Return a mesh with a key of the artist's own, which has a curve."""
    target = patchwork()
    target.shape_key_add(name="Basis")
    smile = target.shape_key_add(name="Smile")
    smile.points[0].co.x += 0.5
    for at, value in ((frame, 0.0), (frame + 4, 1.0), (frame + 8, 0.0)):
        smile.value = value
        smile.keyframe_insert("value", frame=at)
    return target


def paths_in(strip):
    return {curve.data_path for curve in fcurves.curves_of(strip.action, fcurves.slot_of(strip))}


def strips(target):
    return [strip for track in target.data.shape_keys.animation_data.nla_tracks for strip in track.strips]


def contents(action):
    """Return what an action holds, whoever plays it."""
    return {name: value for name, value in dump(action).items() if name != "users"}


def delete_track(target, name):
    every = target.data.shape_keys.animation_data.nla_tracks
    every.remove(every[name])


def into_meta(target, name):
    """Put the strips of a track into a meta strip, as the NLA editor does."""
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    area.type = "NLA_EDITOR"
    target.select_set(True)
    bpy.context.view_layer.objects.active = target
    for track in target.data.shape_keys.animation_data.nla_tracks:
        for strip in track.strips:
            strip.select = track.name == name
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        assert bpy.ops.nla.meta_add() == {"FINISHED"}


@pytest.mark.fault("Remove Result on a copy of a mesh takes the original's curves, too")
def test_a_result_removed_from_a_copy_leaves_the_original_its_curves():
    target = smiling(frame=10)
    walk = animate(target, "walk.mp4")
    push_down_as_blender_does(target)
    wanted = {12: shown(target, 12), 14: shown(target, 14)}
    assert np.abs(wanted[14][1:] - walk[4][1:]).max() < CLOSE
    copy = duplicate(target, ExitStack())
    (before,) = {strip.action for strip in strips(target)}
    kept = contents(before)
    remove_laid(copy, "ActionMesh")
    assert contents(before) == kept and before == strips(target)[0].action
    assert_shows(target, wanted)
    assert names(copy) == ["Basis", "Smile"] and paths_in(strips(copy)[0]) == {'key_blocks["Smile"].value'}


@pytest.mark.fault("Remove Result takes curves from an action that is an asset")
def test_a_removed_result_leaves_an_asset_whole():
    target = smiling()
    animate(target, "walk.mp4")
    push_down_as_blender_does(target)
    action = strips(target)[0].action
    action.asset_mark()
    kept = contents(action)
    remove_laid(target, "ActionMesh")
    assert contents(action) == kept and strips(target)[0].action != action
    assert paths_in(strips(target)[0]) == {'key_blocks["Smile"].value'}


@pytest.mark.fault("Remove Result takes curves from an action that is linked from another file")
def test_a_removed_result_leaves_a_linked_action_whole(tmp_path):
    target = smiling()
    animate(target, "walk.mp4")
    push_down_as_blender_does(target)
    action = strips(target)[0].action
    path = str(tmp_path / "library.blend")
    bpy.data.libraries.write(path, {action})
    with bpy.data.libraries.load(path, link=True) as (_found, wanted):
        wanted.actions = [action.name]
    (linked,) = wanted.actions
    chosen = fcurves.slot_of(strips(target)[0])
    strips(target)[0].action = linked
    if chosen is not None:
        strips(target)[0].action_slot = linked.slots[chosen.identifier]
    remove_laid(target, "ActionMesh")
    assert strips(target)[0].action.library is None
    assert paths_in(strips(target)[0]) == {'key_blocks["Smile"].value'}
    assert len(fcurves.curves_of(linked, linked.slots[0] if fcurves.SLOTTED else None)) == 6


@needs_rest_at_0
@pytest.mark.fault("An export leaves out the artist's own strip on the track of a result")
def test_an_export_keeps_the_artists_strip_on_a_results_track():
    target = smiling(frame=30)
    push_down_as_blender_does(target)
    own = strips(target)[0].action
    chosen = fcurves.slot_of(strips(target)[0])
    walk = animate(target, "walk.mp4", playback=Playback(strength=1.5))
    push_down(target)
    delete_track(target, tracks(target)[0])
    track = target.data.shape_keys.animation_data.nla_tracks["walk"]
    strip = track.strips.new("smile", 30, own)
    if chosen is not None:
        strip.action_slot = chosen
    wanted = {frame: shown(target, frame) for frame in (13, 32, 34)}
    assert np.abs(wanted[13] - 1.5 * walk[3]).max() < CLOSE and np.abs(wanted[34]).max() == pytest.approx(0.5)
    before = dump(target.data.shape_keys)
    with portable_keys(bpy.context.scene, [target], 10, 40):
        assert_shows(target, wanted)
    assert dump(target.data.shape_keys) == before


@pytest.mark.fault("An export leaves out the artist's own curves in the strip of a result")
def test_an_export_keeps_the_artists_curves_in_a_results_strip():
    target = smiling(frame=10)
    walk = animate(target, "walk.mp4", playback=Playback(strength=1.5))
    push_down_as_blender_does(target)
    wanted = {frame: shown(target, frame) for frame in (10, 12, 14, 16)}
    smile = wanted[14] - 1.5 * walk[4]
    assert smile[0, 0] == pytest.approx(0.5, abs=CLOSE) and np.abs(smile[1:]).max() < CLOSE
    with portable_keys(bpy.context.scene, [target], 10, 20):
        assert_shows(target, wanted)


@pytest.mark.fault("Export ends in an error once the track of a result was deleted")
def test_a_result_without_its_track_is_exported_at_rest(tmp_path):
    target = patchwork()
    animate(target, "walk.mp4")
    push_down(target)
    delete_track(target, "walk")
    export(bpy.context.scene, [target], tmp_path / "rest.glb", ExportOptions(Format.GLB))
    assert (tmp_path / "rest.glb").stat().st_size > 0
    wave = animate(target, "wave.mp4", start=12, seed=2, playback=Playback(strength=2.0))
    delete_track(target, "ActionMesh Rest")
    with portable_keys(bpy.context.scene, [target], 10, 20):
        assert_shows(target, {13: 2 * wave[1], 16: 2 * wave[4]})


@pytest.mark.fault("A result whose strip is in a meta strip stops every export")
@pytest.mark.parametrize("strength", [1.0, 2.0])
def test_a_result_in_a_meta_strip_is_exported(strength):
    target = patchwork()
    walk = animate(target, "walk.mp4", seed=1, playback=Playback(strength=strength))
    push_down(target)
    wave = animate(target, "wave.mp4", start=12, seed=2)
    push_down(target)
    into_meta(target, "walk")
    assert [laid.track.name for laid in laid_results(target.data.shape_keys)] == ["walk", "wave"]
    assert moving_range([target], 1, 250) == (10, 16)
    wanted = {10: strength * walk[0], 13: strength * walk[3] + wave[1], 14: strength * walk[4] + wave[2]}
    assert_shows(target, wanted)
    with portable_keys(bpy.context.scene, [target], 10, 20):
        assert_shows(target, wanted)


@pytest.mark.parametrize("strength", [1.0, 2.0])
def test_a_solo_track_alone_is_exported(strength):
    target, _walk, wave = two_results(playback=Playback(strength=strength))
    push_down(target)
    target.data.shape_keys.animation_data.nla_tracks["wave"].is_solo = True
    wanted = {12: strength * wave[0], 13: strength * wave[1]}
    assert_shows(target, wanted)
    with portable_keys(bpy.context.scene, [target], 10, 20):
        assert_shows(target, wanted)


@pytest.mark.fault("Taking up or removing a result whose strip is in a meta strip ends in an error")
def test_a_result_in_a_meta_strip_is_neither_taken_up_nor_removed():
    target = patchwork()
    walk = animate(target, "walk.mp4")
    push_down(target)
    into_meta(target, "walk")
    for change in (take_up, remove_laid):
        with pytest.raises(ArtistError, match="The strip Subject walk of Key is in a meta strip"):
            change(target, "walk")
        assert names(target)[1:] == [f"walk {number:04d}" for number in range(1, 6)]
        assert_shows(target, {13: walk[3]})


@pytest.mark.fault("Mark as Asset fails on a result that Blender itself pushed down")
@pytest.mark.parametrize("mode", [Mode.RELATIVE, Mode.ABSOLUTE])
def test_what_blender_itself_pushed_down_is_marked_as_an_asset(mode):
    target = patchwork("Husky")
    animate(target, "walk.mp4", mode=mode)
    copy = duplicate(target, ExitStack())
    push_down_as_blender_does(target)
    marked = mark_result(target, "ActionMesh", AssetOptions(with_object=True))
    assert marked == [strips(target)[0].action, target]
    settled = "walk" if mode == Mode.RELATIVE else "ActionMesh"
    assert marked[0].asset_data.description == f"{settled.capitalize()} for Husky, 5 poses" or mode == Mode.ABSOLUTE
    assert names(target)[1] == f"{settled} 0001" and names(copy)[1] == "ActionMesh 0001"
    assert [laid.record.keys for laid in laid_results(target.data.shape_keys)] == [settled]


@pytest.mark.fault("Muting a track freezes the mesh in a pose if Blender itself pushed an earlier result down")
def test_a_muted_track_rests_beside_one_that_blender_pushed_down():
    target = patchwork()
    walk = animate(target, "walk.mp4", seed=1)
    push_down_as_blender_does(target)
    keep_tracks(target, ExitStack())
    wave = animate(target, "wave.mp4", start=12, seed=2)
    push_down(target)
    assert tracks(target)[1:] == ["ActionMesh Rest", "wave"]
    assert_shows(target, {13: walk[3] + wave[1]})
    target.data.shape_keys.animation_data.nla_tracks["wave"].mute = True
    assert_shows(target, {13: walk[3], 14: walk[4]})
    take_up(target, "wave")
    assert len(tracks(target)) == 1
    assert_shows(target, {13: walk[3] + wave[1]})


@pytest.mark.fault("Muting a track freezes the mesh in a pose once the track that holds it at rest was deleted")
def test_a_muted_track_rests_although_the_rest_track_was_deleted():
    target, walk, wave = two_results()
    delete_track(target, "ActionMesh Rest")
    push_down(target)
    assert tracks(target) == ["walk", "ActionMesh Rest", "wave"]
    assert_shows(target, {13: walk[3] + wave[1]})
    target.data.shape_keys.animation_data.nla_tracks["wave"].mute = True
    assert_shows(target, {13: walk[3], 14: walk[4]})


@needs_slots
@pytest.mark.fault("A result cannot be taken up again if object and shape keys share an action")
def test_a_result_is_taken_up_again_from_an_action_of_several_slots():
    target = patchwork()
    target.location.x = 1
    target.keyframe_insert("location", frame=1)
    walk = animate(target, "walk.mp4")
    key, action = target.data.shape_keys, target.animation_data.action
    if key.animation_data.action != action:
        move_curves(key, action)
    push_down(target)
    assert key.animation_data.action is None
    assert target.animation_data.action == action and len(fcurves.curves(target)) == 3
    take_up(target, "walk")
    assert_shows(target, {13: walk[3]})
    remove_active(target)
    assert names(target) == ["Basis"] and len(fcurves.curves(target)) == 3


def move_curves(key, action):
    """Let a Key play a slot of an action that animates its object, with the curves that it has."""
    curves = {curve.data_path: fcurves.read_points(curve) for curve in fcurves.curves(key)}
    key.animation_data.action = None
    key.animation_data.action = action
    key.animation_data.action_slot = action.slots.new("KEY", key.name)
    for path, points in curves.items():
        fcurves.set_points(fcurves.make(key, path), points)


@pytest.mark.fault("Remove Result leaves the object moving with the root motion of the result")
@pytest.mark.parametrize("down", [False, True])
def test_a_removed_result_takes_its_root_motion_along(addon, down):
    target = patchwork()
    animate(target, "walk.mp4")
    target.location = (1, 2, 3)
    bpy.context.view_layer.objects.active = target
    bpy.ops.actionmesh.extract_root_motion(turn="FULL")
    assert len(fcurves.curves(target))
    if down:
        push_down_as_blender_does(target)
        remove_laid(target, "ActionMesh")
    else:
        remove_active(target)
    assert not len(fcurves.curves(target)) and tuple(target.location) == (1, 2, 3)
    assert names(target) == ["Basis"] and "actionmesh_root" not in target


def test_a_twin_with_the_same_action_keeps_its_root_motion(addon):
    target = patchwork()
    animate(target, "walk.mp4")
    bpy.context.view_layer.objects.active = target
    bpy.ops.actionmesh.extract_root_motion(turn="FULL")
    twin = duplicate(target, ExitStack())
    assert twin.animation_data.action == target.animation_data.action
    remove_active(twin)
    assert not len(fcurves.curves(twin)) and len(fcurves.curves(target)) == 6


@pytest.mark.fault("Remove Result fails half done after the artist deleted the Basis key")
@pytest.mark.parametrize("down", [False, True])
def test_a_result_whose_pose_became_the_basis_is_not_removed(down):
    target = patchwork()
    animate(target, "walk.mp4")
    if down:
        push_down(target)
    prefix = "walk" if down else "ActionMesh"
    target.shape_key_remove(target.data.shape_keys.key_blocks["Basis"])
    before = dump(target.data.shape_keys)
    with pytest.raises(ArtistError, match="The Basis key of Subject was deleted"):
        remove_laid(target, prefix) if down else remove_active(target)
    assert dump(target.data.shape_keys) == before
    target.shape_key_add(name="Rest", from_mix=False)
    target.active_shape_key_index = len(target.data.shape_keys.key_blocks) - 1
    bpy.context.view_layer.objects.active = target
    for _ in range(2):
        bpy.ops.object.shape_key_move(type="TOP")
    if target.data.shape_keys.reference_key.name != "Rest":
        assert bpy.app.version >= (5, 0), "newer versions move no key above the first"
        return
    remove_laid(target, prefix) if down else remove_active(target)
    assert names(target) == ["Rest"]
