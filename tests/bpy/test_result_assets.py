"""Results as assets, and the buttons that push results down, take them up, remove them and mark them."""

import uuid

import bpy
import numpy as np
import pytest

from blender_addon.errors import ArtistError
from blender_addon.panels import result as result_panel
from blender_addon.panels.result import VIEW3D_PT_actionmesh_result, VIEW3D_PT_actionmesh_tracks
from blender_addon.scene.asset_catalogs import FILE, catalog_of
from blender_addon.scene.asset_marks import AssetOptions, mark_result
from blender_addon.scene.fcurves import SLOTTED
from blender_addon.scene.key_blocks import pose_keys
from blender_addon.scene.meshes import read_basis
from blender_addon.scene.nla_tracks import laid_results, push_down
from blender_addon.scene.result_removal import remove_active, remove_laid
from blender_addon.session import job_list

from .addon import clip, keys_of, selected_cube
from .layouts import drawn
from .scenes import patchwork
from .test_nla_tracks import animate, assert_shows, names, shown, tracks

OPS = bpy.ops.actionmesh


def pixels(item):
    preview = item.preview
    values = np.empty(4 * preview.image_size[0] * preview.image_size[1], np.float32)
    preview.image_pixels_float.foreach_get(values)
    return values.reshape(preview.image_size[1], preview.image_size[0], 4)


def test_what_the_asset_browser_shows(tmp_path):
    target = patchwork("Husky")
    animate(target, "walk.mp4")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "husky.blend"))
    target = bpy.data.objects["Husky"]
    options = AssetOptions(tags=("walk", "dog"), catalog="Animals/Dogs", with_object=True)
    action, thing = mark_result(target, "", options)
    assert (action.name, thing) == ("Husky walk", target)
    assert target.data.shape_keys.animation_data.action == action
    for item in (action, thing):
        assert {tag.name for tag in item.asset_data.tags} == {"walk", "dog"}
        assert item.asset_data.description == "Walk for Husky, 5 poses"
        picture = pixels(item)
        assert picture.shape == (160, 160, 4)
        covered = picture[..., 3] > 0
        assert 0.05 < covered.mean() < 0.95 and picture[covered][:, :3].std() > 0.01
    told = (tmp_path / FILE).read_text(encoding="utf-8")
    assert f"{action.asset_data.catalog_id}:Animals/Dogs:Animals-Dogs" in told.splitlines() and "VERSION 1" in told
    assert catalog_of("Animals / Dogs") == action.asset_data.catalog_id
    assert (tmp_path / FILE).read_text(encoding="utf-8") == told


def test_the_catalogs_of_the_artist_are_kept(tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "x.blend"))
    known = str(uuid.uuid4())
    (tmp_path / FILE).write_text(f"VERSION 1\n{known}:Mine:Mine\n", encoding="utf-8")
    assert catalog_of("Mine") == known
    made = catalog_of("Other")
    lines = (tmp_path / FILE).read_text(encoding="utf-8").splitlines()
    assert lines == ["VERSION 1", f"{known}:Mine:Mine", f"{made}:Other:Other"]


@pytest.mark.fault("Lines of the artist's catalogs get longer ends, or a catalog that was commented out is taken")
def test_ends_of_lines_and_comments_of_the_artists_catalogs_stay(tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "x.blend"))
    before = f"# {uuid.uuid4()}:Mine:Mine\r\nVERSION 1\r\n\r\n{uuid.uuid4()}:Old:Old"
    (tmp_path / FILE).write_bytes(f"{before}\r\n".encode())
    made = catalog_of("Mine")
    assert (tmp_path / FILE).read_bytes() == f"{before}\n{made}:Mine:Mine\n".encode()


def test_catalogs_that_cannot_be(tmp_path):
    with pytest.raises(ArtistError, match="Save the .blend first"):
        catalog_of("Mine")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "x.blend"))
    for name in ("", " / ", "a:b", "a\nb"):
        with pytest.raises(ArtistError, match="cannot be the name of a catalog"):
            catalog_of(name)
    (tmp_path / FILE).write_bytes(b"\xff\xfe")
    with pytest.raises(ArtistError, match="cannot be read or written"):
        catalog_of("Mine")
    (tmp_path / FILE).write_text("VERSION 1\nnot-a-number:Mine:Mine\n", encoding="utf-8")
    with pytest.raises(ArtistError, match="cannot be read or written"):
        catalog_of("Mine")


def test_without_the_catalog_nothing_is_marked():
    target = patchwork()
    animate(target, "walk.mp4")
    with pytest.raises(ArtistError, match="Save the .blend first"):
        mark_result(target, "", AssetOptions(catalog="Mine", with_object=True))
    assert target.asset_data is None and not any(action.asset_data for action in bpy.data.actions)
    assert names(target)[1] == "ActionMesh 0001"


def test_an_action_with_curves_of_the_artist_is_not_marked_as_a_result():
    target = patchwork()
    target.shape_key_add(name="Basis")
    target.shape_key_add(name="Smile").keyframe_insert("value", frame=3)
    animate(target, "walk.mp4")
    with pytest.raises(ArtistError, match="also holds curves of your own"):
        mark_result(target, "", AssetOptions())
    push_down(target)
    (action,) = mark_result(target, "walk", AssetOptions())
    assert action.asset_data is not None and action.name == "Subject walk"


def test_the_object_is_appended_in_another_file_with_all_its_motion(tmp_path):
    target = patchwork("Husky")
    walk = animate(target, "walk.mp4", seed=1)
    push_down(target)
    wave = animate(target, "wave.mp4", start=12, seed=2)
    push_down(target)
    mark_result(target, "walk", AssetOptions(with_object=True))
    library = str(tmp_path / "library.blend")
    bpy.ops.wm.save_as_mainfile(filepath=library)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(library, link=False, assets_only=True) as (found, wanted):
        assert (list(found.objects), list(found.actions)) == (["Husky"], ["Husky walk"])
        wanted.objects = ["Husky"]
    came = bpy.data.objects["Husky"]
    bpy.context.scene.collection.objects.link(came)
    assert_shows(came, {13: walk[3] + wave[1], 16: wave[4], 17: 0 * wave[0]})
    assert [laid.record.keys for laid in laid_results(came.data.shape_keys)] == ["walk", "wave"]
    run = animate(came, "run.mp4", start=40, seed=3)
    assert_shows(came, {42: run[2]})


def test_the_action_is_appended_and_plays_on_a_mesh_with_the_same_keys(tmp_path):
    target = patchwork("Husky")
    walk = animate(target, "walk.mp4")
    mark_result(target, "", AssetOptions())
    library = str(tmp_path / "library.blend")
    bpy.ops.wm.save_as_mainfile(filepath=library)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    target = bpy.data.objects["Husky"]
    target.data.shape_keys.animation_data_clear()
    bpy.data.actions.remove(bpy.data.actions["Husky walk"])
    for block in target.data.shape_keys.key_blocks[1:]:
        block.value = 0
    assert_shows(target, {13: 0 * walk[0]})
    with bpy.data.libraries.load(library, link=False, assets_only=True) as (_found, wanted):
        wanted.actions = ["Husky walk"]
    (action,) = wanted.actions
    animation = target.data.shape_keys.animation_data_create()
    animation.action = action
    if SLOTTED:
        assert animation.action_slot == action.slots[0]
    assert_shows(target, {10: walk[0], 13: walk[3]})
    assert action.asset_data.description == "Walk for Husky, 5 poses" and pixels(action)[..., 3].any()


def test_save_and_reload_keep_the_mark_and_its_picture(tmp_path):
    target = patchwork("Husky")
    animate(target, "walk.mp4")
    mark_result(target, "", AssetOptions(description="Walks", tags=("dog",)))
    picture = pixels(bpy.data.actions["Husky walk"])
    path = str(tmp_path / "husky.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    action = bpy.data.actions["Husky walk"]
    assert (action.asset_data.description, [tag.name for tag in action.asset_data.tags]) == ("Walks", ["dog"])
    assert np.abs(pixels(action) - picture).max() < 0.01


def test_an_asset_outlives_its_removal_from_the_mesh():
    target = patchwork()
    animate(target, "walk.mp4")
    (walk,) = mark_result(target, "", AssetOptions())
    remove_active(target)
    assert (names(target), list(bpy.data.actions)) == (["Basis"], [walk])
    animate(target, "wave.mp4")
    push_down(target)
    (wave,) = mark_result(target, "wave", AssetOptions())
    remove_laid(target, "wave")
    assert sorted(bpy.data.actions, key=lambda item: item.name) == [walk, wave]


def key_paths(action):
    bag = action.layers[0].strips[0].channelbags[0] if SLOTTED else action
    return sorted(curve.data_path for curve in bag.fcurves)


@pytest.mark.fault("A second clip on a mesh overwrites the first one's action in the asset browser")
def test_a_new_result_replaces_no_asset(addon):
    target = selected_cube()
    OPS.animate_selected(filepath=clip(addon))
    before = shown(target, 4)
    bpy.context.scene.frame_set(1)
    OPS.mark_asset(with_object=False)
    action = target.data.shape_keys.animation_data.action
    assert action.name == "Cube wave"
    kept = key_paths(action)
    OPS.animate_selected(filepath=clip(addon))
    assert key_paths(action) == kept and action.asset_data is not None
    assert tracks(target) == ["ActionMesh Rest", "wave"] and keys_of(target) == 5
    track = target.data.shape_keys.animation_data.nla_tracks["wave"]
    assert track.mute and np.allclose(shown(target, 4), before, atol=1e-5)


def test_a_second_clip_replaces_the_first_unless_that_was_pushed_down(addon):
    target = selected_cube()
    OPS.animate_selected(filepath=clip(addon))
    OPS.animate_selected(filepath=clip(addon))
    assert keys_of(target) == 5 and len(target.data.shape_keys.key_blocks) == 6
    assert OPS.push_down(fill=False) == {"FINISHED"}
    OPS.animate_selected(filepath=clip(addon))
    assert len(target.data.shape_keys.key_blocks) == 11
    once = shown(target, 4)
    target.data.shape_keys.animation_data.nla_tracks["wave"].mute = True
    assert np.allclose(once, 2 * shown(target, 4), atol=1e-5) and np.abs(once).max() > 0.01


def test_the_buttons_and_their_undo(addon):
    target = selected_cube()
    OPS.animate_selected(filepath=clip(addon))
    assert "actionmesh.push_down" in drawn(VIEW3D_PT_actionmesh_tracks)
    bpy.ops.ed.undo_push(message="before")
    OPS.push_down()
    bpy.ops.ed.undo_push(message="pushed")
    assert VIEW3D_PT_actionmesh_result.poll(bpy.context) and not result_panel.OfActive.poll(bpy.context)
    assert drawn(VIEW3D_PT_actionmesh_result)[0] == "All results are on NLA tracks."
    assert drawn(VIEW3D_PT_actionmesh_tracks) == [
        "mute", "wave", "actionmesh.take_up", "actionmesh.mark_asset", "actionmesh.remove_result"
    ]  # fmt: skip
    assert not OPS.push_down.poll() and not OPS.make_loop.poll() and OPS.take_up.poll()
    with pytest.raises(RuntimeError, match="no result 'run' on a track"):
        OPS.take_up(result="run")
    OPS.take_up(result="wave")
    assert OPS.make_loop.poll()
    OPS.remove_result()
    assert not OPS.remove_result.poll()
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    target = bpy.data.objects["Cube"]
    assert keys_of(target) == 5 and tracks(target) == []


def test_history_brings_a_removed_result_back(addon):
    target = selected_cube()
    OPS.animate_selected(filepath=clip(addon))
    there = shown(target, 4)
    OPS.push_down()
    OPS.remove_result(result="wave")
    assert names(target) == ["Basis"] and np.abs(shown(target, 4)).max() == 0
    OPS.bring_back(job=job_list.records(True)[0].id)
    assert np.allclose(shown(target, 4), there, atol=1e-6) and len(pose_keys(target.data.shape_keys)) == 5
    assert read_basis(target.data).shape == (8, 3)
