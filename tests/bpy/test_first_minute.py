"""What an artist meets first: the sample, the buttons, the clip's facts, the menus, a dropped clip, how a job ends."""

import time
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from blender_addon import operators
from blender_addon.jobs.record import State
from blender_addon.menus import PRESETS
from blender_addon.panels import animate, entries, progress, status_bar
from blender_addon.process.backend_locator import sample_file
from blender_addon.session import job_list, panel_state, thumbnail
from blender_addon.session.runner import runner
from blender_addon.workflow import chosen_clip, submission
from tests.bpy.addon import all_over, clip, keys_of, press, selected_cube, states, tick_until
from tests.bpy.layouts import Layout, drawn, drawn_by

OPS = bpy.ops.actionmesh
WAYS_IN = ["actionmesh.animate_selected", "actionmesh.animate_from_video", "actionmesh.transfer_motion"]


def ways_in():
    return [name for name in drawn(animate.VIEW3D_PT_actionmesh_animate) if name in WAYS_IN]


@pytest.fixture
def sample(addon, monkeypatch):
    """Provide the bundled mesh as the sample, with a clip that the tests' worker knows."""
    files_of = {"clip.mp4": clip(addon), "mesh.glb": sample_file("mesh.glb")}
    monkeypatch.setattr(submission, "sample_file", files_of.__getitem__)
    return addon


def test_the_sample_moves_after_one_click(sample):
    bpy.context.scene.cursor.location = (3, 0, 1)
    press(OPS.try_it)
    made = bpy.context.active_object
    assert made.name == "Sample" and made.select_get() and made.parent is None and keys_of(made) == 0
    assert len(made.data.vertices) == 2376 and len(bpy.data.objects) == 1
    assert made.location.x == 3 and made.location.z + min(v.co.z for v in made.data.vertices) == pytest.approx(1)
    tick_until(all_over)
    assert keys_of(made) == 5 and states() == [State.WRITTEN]


def test_the_sample_in_a_script_waits_and_leaves_the_settings(sample):
    settings = bpy.context.scene.actionmesh
    other = clip(sample, "mine")
    settings.clip, settings.preset, settings.anchor, settings.frame_count = other, PRESETS[-1][0], 6, 9
    assert OPS.try_it() == {"FINISHED"}
    request = job_list.records(True)[0].request
    assert (request.preset, request.anchor, request.frames.spread, request.match) == ("demo", 0, 16, "auto")
    assert (settings.clip, settings.anchor, settings.frame_count) == (other, 6, 9)


def test_the_sample_shows_its_clip_where_none_was_chosen(sample):
    assert "actionmesh.try_it" in drawn(animate.VIEW3D_PT_actionmesh_animate)
    OPS.try_it()
    assert bpy.context.scene.actionmesh.clip == clip(sample)
    assert "actionmesh.try_it" not in drawn(animate.VIEW3D_PT_actionmesh_animate)


def test_a_sample_that_cannot_be_queued_leaves_nothing(sample, monkeypatch):
    (sample / "home").touch()
    with pytest.raises(RuntimeError, match="cannot be written"):
        OPS.try_it()
    assert not bpy.data.objects and not bpy.data.meshes


def test_the_sample_waits_for_object_mode(sample):
    selected_cube()
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(RuntimeError, match="poll"):
        OPS.try_it()


def test_the_strongest_way_in_is_first(addon):
    from_video, selected, transfer = WAYS_IN[1], WAYS_IN[0], WAYS_IN[2]
    assert ways_in() == [from_video, selected, transfer]
    cube = selected_cube()
    assert ways_in() == [selected, from_video, transfer]
    settings = bpy.context.scene.actionmesh
    settings.source, settings.source_object = "OBJECT", cube
    assert ways_in() == [from_video, selected, transfer]
    settings.source = "VIDEO"
    cube.select_set(False)
    assert ways_in() == [from_video, selected, transfer]


class Texts(Layout):
    """Records the texts of buttons."""

    def operator(self, name, text=None, **_looks):
        self.drawn.append(text or bpy.ops.actionmesh.__getattr__(name.partition(".")[2]).get_rna_type().name)
        return SimpleNamespace()


@pytest.mark.fault("with pictures or an object as the source the button still says from Video")
@pytest.mark.parametrize(
    "source, words", [("VIDEO", "from Video"), ("IMAGES", "from Images"), ("OBJECT", "from Object")]
)
def test_the_button_says_what_the_motion_comes_from(addon, source, words):
    bpy.context.scene.actionmesh.source = source
    for draw in (animate.VIEW3D_PT_actionmesh_animate.draw, entries.VIEW3D_MT_actionmesh.draw):
        layout = Texts([])
        draw(SimpleNamespace(layout=layout), bpy.context)
        assert [told for told in layout.drawn if told.startswith("Animate from")] == [f"Animate {words}"]


@pytest.mark.fault("Facing is shown where it does nothing")
def test_facing_is_shown_where_it_acts(addon):
    panel = animate.VIEW3D_PT_actionmesh_animate
    assert not {"facing", "match", "colours"} & set(drawn(panel)), "nothing is selected"
    first, second = selected_cube("First"), selected_cube("Second")
    assert {"facing", "show_facing", "match", "colours"} <= set(drawn(panel))
    second.select_set(False)
    assert not {"facing", "match"} & set(drawn(panel)), "the active mesh is not selected"
    first.select_set(True)
    assert "match" in drawn(panel) and "facing" not in drawn(panel), "another than the active one receives the motion"
    bpy.context.view_layer.objects.active = first
    settings = bpy.context.scene.actionmesh
    settings.source, settings.source_object = "OBJECT", first
    assert "facing" not in drawn(panel), "the active one is the source"


@pytest.mark.fault("the scene's end stays at frame 250 after an animation of 16 poses")
def test_the_scene_is_fitted_to_the_animation(addon):
    scene = bpy.context.scene
    assert not OPS.fit_scene.poll()
    scene.frame_set(30)
    OPS.animate_from_video(filepath=clip(addon))
    assert OPS.fit_scene() == {"FINISHED"}
    assert (scene.frame_start, scene.frame_end) == (30, 34) and not previewed()
    bpy.context.object.actionmesh.loop = "PING_PONG"
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 7, 99
    OPS.fit_scene()
    assert (scene.frame_start, scene.frame_end) == (30, 38) and previewed() == (7, 99), "that one is the artist's"


class Window:
    """The surroundings that a pressed operator sees."""

    def __init__(self, kind="UI", tab="ActionMesh", playing=False):
        self.region = SimpleNamespace(type=kind, active_panel_category=tab)
        self.screen, self.window_manager, self.asked = SimpleNamespace(is_animation_playing=playing), self, None

    def invoke_confirm(self, _operator, _event, **words):
        self.asked = words
        return {"RUNNING_MODAL"}


@pytest.mark.fault("Escape anywhere over the viewport, as to close F3, kills a running job without a word")
def test_escape_asks_and_only_over_our_tab(addon):
    press(OPS.animate_from_video, filepath=clip(addon, "slow"))
    tick_until(lambda: runner.state.progress)
    escape, invoke = SimpleNamespace(type="ESC"), bpy.types.ACTIONMESH_OT_cancel.invoke
    for window in (Window("WINDOW"), Window(tab="Item"), Window(playing=True)):
        assert invoke(None, window, escape) == {"PASS_THROUGH"} and window.asked is None
    over_our_tab = Window()
    assert invoke(None, over_our_tab, escape) == {"RUNNING_MODAL"}
    assert over_our_tab.asked.keys() <= set(
        bpy.types.WindowManager.bl_rna.functions["invoke_confirm"].parameters.keys()
    )
    assert over_our_tab.asked["title"] == "Stop the job?" and "slow" in over_our_tab.asked["message"]
    assert not any(job.cancelled for job in runner._queue._jobs())


class Reporter:
    """Records what an operator reports."""

    job = ""

    def __init__(self):
        self.told = []

    def report(self, _kinds, text):
        self.told.append(text)


@pytest.mark.fault("a job is cancelled without a word")
def test_a_cancel_is_reported(addon):
    press(OPS.animate_from_video, filepath=clip(addon, "slow"))
    tick_until(lambda: runner.state.progress)
    reporter = Reporter()
    assert bpy.types.ACTIONMESH_OT_cancel.execute(reporter, bpy.context) == {"FINISHED"}
    assert reporter.told == ["slow is being cancelled."]
    tick_until(all_over)
    reporter.job = job_list.records(True)[0].id
    assert bpy.types.ACTIONMESH_OT_cancel.execute(reporter, bpy.context) == {"CANCELLED"}
    assert reporter.told[1:] == ["The job is already over."]


def test_the_clips_name_length_and_rate_are_told(addon):
    settings = bpy.context.scene.actionmesh
    settings.clip = "//clips/walk.mp4"
    key, of_clip = thumbnail.source_key(settings), thumbnail.clip_key(settings)
    panel_state.state.look = thumbnail.Look(key, of_clip, 0, 90, "Frame 1 of 90, 640 x 360", rate=29.97)
    facts = ["walk.mp4", "90 frames at 29.97 fps, 3.0 s"]
    told = drawn(animate.VIEW3D_PT_actionmesh_animate)
    assert "picture" in told and [line for line in told if line in facts] == facts
    settings.reference_frame = 5
    told = drawn(animate.VIEW3D_PT_actionmesh_animate)
    assert "picture" not in told and [line for line in told if line in facts] == facts, "another frame of the same clip"
    settings.clip = "//clips/run.mp4"
    assert not set(facts) & set(drawn(animate.VIEW3D_PT_actionmesh_animate))


def test_the_reference_frame_in_the_thumbnail_counts_from_1(addon, monkeypatch):
    monkeypatch.setattr(thumbnail, "picture", lambda _path: 0)
    bpy.context.scene.actionmesh.clip = clip(addon, "quick")
    assert OPS.look() == {"FINISHED"}
    assert runner.state.look.summary == "Frame 4 of 48, 120 x 80", "the worker says 3, counted from 0"
    assert runner.state.look.length == "48 frames at 24 fps, 2.0 s"


def reach(target):
    corners = np.array([target.matrix_world @ v.co for v in target.data.vertices])
    return corners.min(axis=0), corners.max(axis=0)


@pytest.mark.fault("a new object lands inside the default cube")
def test_a_new_object_stands_clear_of_what_is_at_the_cursor(addon):
    cube = selected_cube(size=2)
    for _ in range(2):
        OPS.animate_from_video(filepath=clip(addon))
    bpy.context.view_layer.update()
    first, second = bpy.data.objects["wave"], bpy.data.objects["wave.001"]
    assert reach(cube)[1][0] < reach(first)[0][0] and reach(first)[1][0] < reach(second)[0][0]
    assert (first.location.y, first.location.z) == (second.location.y, second.location.z) == (0, 0)


def test_a_new_object_stands_on_the_floor_and_in_the_room_at_the_cursor(addon):
    bpy.ops.mesh.primitive_plane_add(size=3)
    bpy.ops.mesh.primitive_cube_add(size=40)
    hidden = selected_cube("Hidden", size=2)
    hidden.hide_set(True)
    OPS.animate_from_video(filepath=clip(addon))
    assert tuple(bpy.data.objects["wave"].location) == (0, 0, 0)


def previewed():
    scene = bpy.context.scene
    return scene.use_preview_range and (scene.frame_preview_start, scene.frame_preview_end)


@pytest.mark.fault("a short animation plays once and then stands still until frame 250")
def test_the_preview_range_is_the_latest_results(addon):
    scene = bpy.context.scene
    scene.frame_set(30)
    OPS.animate_from_video(filepath=clip(addon))
    assert previewed() == (30, 34) and scene.frame_end == 250
    scene.frame_set(90)
    OPS.animate_from_video(filepath=clip(addon))
    assert previewed() == (90, 94)
    bpy.data.objects["wave.001"].actionmesh.speed = 0.5
    assert previewed() == (90, 98)


def test_a_preview_range_of_the_artists_own_grows_and_stays(addon):
    scene = bpy.context.scene
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 10, 32
    scene.frame_set(30)
    OPS.animate_from_video(filepath=clip(addon))
    assert previewed() == (10, 34)
    scene.use_preview_range = False
    bpy.data.objects["wave"].actionmesh.speed = 0.5
    assert not previewed()


def test_the_end_of_a_job_is_told_with_what_comes_next(addon):
    press(OPS.animate_from_video, filepath=clip(addon))
    tick_until(all_over)
    for told in (drawn(progress.VIEW3D_PT_actionmesh_progress), drawn_by(status_bar.draw)):
        assert told[0] == "wave: Finished" and {"screen.animation_play", "use_preview_range"} < set(told)
    press(OPS.animate_from_video, filepath=clip(addon, "slow"))
    tick_until(lambda: runner.state.progress)
    assert "slow: Reading frames" in drawn_by(status_bar.draw) and "wave: Finished" not in drawn_by(status_bar.draw)
    OPS.cancel()
    tick_until(all_over)
    for told in (drawn(progress.VIEW3D_PT_actionmesh_progress), drawn_by(status_bar.draw)):
        assert told[0] == "slow: Cancelled" and "actionmesh.retry" in told and "screen.animation_play" not in told
    press(OPS.retry, job=job_list.records(True)[0].id)
    assert [record.title for record in runner.state.records] == ["slow"] and runner.state.ended is None
    OPS.cancel()
    tick_until(all_over)
    OPS.dismiss_end()
    assert not progress.VIEW3D_PT_actionmesh_progress.poll(bpy.context) and drawn_by(status_bar.draw) == []


def test_a_job_that_failed_can_be_tried_again(addon):
    press(OPS.animate_from_video, filepath=clip(addon, "exhaust"))
    tick_until(all_over)
    assert drawn_by(status_bar.draw)[:2] == ["exhaust: Failed", "actionmesh.retry"]


def test_the_status_bar_forgets_and_the_panel_does_not(addon):
    OPS.animate_from_video(filepath=clip(addon))
    runner.state.ended_at = time.monotonic() - status_bar.SHOWN_SECONDS - 1
    assert drawn_by(status_bar.draw) == [] and drawn(progress.VIEW3D_PT_actionmesh_progress)


@pytest.mark.fault("F3 finds none of the operators, and no menu has them")
def test_blenders_menus_have_every_operator_that_begins_something(addon):
    assert drawn_by(entries.draw_in_object) == ["VIEW3D_MT_actionmesh"]
    listed = drawn(entries.VIEW3D_MT_actionmesh)
    assert listed[:3] == WAYS_IN and {"actionmesh.try_it", "actionmesh.cancel", "actionmesh.export"} < set(listed)
    assert drawn_by(entries.draw_in_add_mesh) == ["actionmesh.animate_from_video", "actionmesh.try_it"]
    assert drawn_by(entries.draw_in_import) == ["actionmesh.animate_from_video"]
    assert drawn_by(entries.draw_in_export) == ["actionmesh.export"]
    selected_cube()
    bpy.ops.object.mode_set(mode="EDIT")
    assert drawn_by(entries.draw_in_add_mesh) == []


@pytest.mark.parametrize(("menu", "draw"), entries.ENTRIES)
def test_entries_are_in_blenders_menus_once_and_leave_them(addon, menu, draw):
    def entered():
        return getattr(bpy.types, menu)._dyn_ui_initialize().count(draw)

    assert entered() == 1
    entries.detach()
    assert entered() == 0
    entries.attach()


@pytest.mark.fault("dropping a video offers a choice that does not say it is ActionMesh's")
def test_a_dropped_clip_is_offered_the_three_ways_in(addon):
    handlers = [group for group in operators.CLASSES if issubclass(group, bpy.types.FileHandler)]
    assert [handler.bl_label for handler in handlers] == [
        "ActionMesh: Animate Selected",
        "ActionMesh: Animate from Video",
        "ActionMesh: Transfer Motion to Selected",
        "ActionMesh: Choose This Clip",
    ]
    for handler in handlers:
        operator = getattr(OPS, handler.bl_import_operator.partition(".")[2]).get_rna_type()
        assert operator.name == handler.bl_label, "Blender's menu shows the operator's name"
        assert ".mp4" in handler.bl_file_extensions.split(";")
        assert not handler.poll_drop(SimpleNamespace(area=SimpleNamespace(type="SEQUENCE_EDITOR")))
        assert handler.poll_drop(SimpleNamespace(area=SimpleNamespace(type="VIEW_3D")))


def test_a_dropped_clip_is_chosen_and_used(addon):
    settings = bpy.context.scene.actionmesh
    settings.source = "IMAGES"
    assert OPS.drop_clip(filepath=clip(addon)) == {"FINISHED"}
    assert (settings.source, settings.clip) == ("VIDEO", clip(addon)) and not bpy.data.objects
    assert not OPS.drop_on_selected.poll() and not OPS.drop_on_all.poll()
    assert OPS.drop_as_new(filepath=clip(addon, "painted")) == {"FINISHED"}
    assert settings.clip.endswith("painted") and keys_of(bpy.data.objects["painted"]) == 5
    first, second = selected_cube("First"), selected_cube("Second")
    assert OPS.drop_on_selected(filepath=clip(addon)) == {"FINISHED"}
    assert (keys_of(first), keys_of(second)) == (0, 5)
    first.select_set(True)
    assert OPS.drop_on_all(filepath=clip(addon)) == {"FINISHED"}
    assert (keys_of(first), keys_of(second)) == (5, 5)


def test_the_file_browser_shows_movies(addon):
    assert "actionmesh.open_clip" in drawn(animate.VIEW3D_PT_actionmesh_animate)
    properties = OPS.open_clip.get_rna_type().properties
    assert properties["filter_movie"].default and properties["filter_folder"].default
    assert "filter_image" not in properties


def test_a_clip_may_be_named_as_seen_from_the_file(addon):
    settings = bpy.context.scene.actionmesh
    OPS.open_clip(filepath=clip(addon), relative_path=True)
    assert settings.clip == clip(addon), "there is no file yet"
    bpy.ops.wm.save_as_mainfile(filepath=str(addon / "scene.blend"))
    settings = bpy.context.scene.actionmesh
    OPS.open_clip(filepath=clip(addon), relative_path=True)
    assert settings.clip == "//wave" and chosen_clip.clip_of(settings) == clip(addon)
    OPS.open_clip(filepath=clip(addon))
    assert settings.clip == clip(addon)


@pytest.mark.fault("on Windows a clip on another drive than the file cannot be chosen")
def test_a_clip_on_another_drive_is_named_in_full(addon, monkeypatch):
    def other_drive(_path):
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    bpy.ops.wm.save_as_mainfile(filepath=str(addon / "scene.blend"))
    monkeypatch.setattr(bpy.path, "relpath", other_drive)
    OPS.open_clip(filepath=clip(addon), relative_path=True)
    assert bpy.context.scene.actionmesh.clip == clip(addon)


def test_undo_takes_a_result_and_its_preview_range_back(addon):
    bpy.ops.ed.undo_push(message="before")
    press(OPS.animate_from_video, filepath=clip(addon))
    tick_until(all_over)
    assert previewed()
    bpy.ops.ed.undo()
    assert "wave" not in bpy.data.objects and not previewed()


def test_every_operator_in_a_menu_exists(addon):
    known = {group.bl_idname for group in operators.CLASSES}
    listed = drawn(entries.VIEW3D_MT_actionmesh)
    assert {name for name in listed if name.startswith("actionmesh.")} <= known
