"""How a result lies on its clip, and what can be done about it: the panel, matching again, the other side, History."""

from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon.jobs.record import Purpose, State
from blender_addon.panels import animate, facing_arrow, history, progress, result, stage_words
from blender_addon.process.backend_locator import protocol
from blender_addon.session import job_list, panel_state, picture_window
from blender_addon.session.runner import runner
from blender_addon.workflow import animated_object, clip_fit
from tests.bpy.addon import all_over, clip, keys_of, press, selected_cube, states, tick_until
from tests.bpy.layouts import drawn
from tests.bpy.scenes import evaluated

OPS = bpy.ops.actionmesh


def animated_cube(addon, name="wave", **settings):
    target = selected_cube()
    for key, value in settings.items():
        setattr(bpy.context.scene.actionmesh, key, value)
    OPS.animate_selected(filepath=clip(addon, name))
    return target


def heights(target):
    """Return how high the poses wave."""
    start = animated_object.animation_of(target).start_frame
    return [float(np.ptp(evaluated(target, start + pose)[:, 2])) for pose in range(5)]


@contextmanager
def image_editor():
    """Turn an area of Blender's hidden window into an image editor and make it the context's."""
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    before, area.ui_type = area.ui_type, "IMAGE_EDITOR"
    with bpy.context.temp_override(window=window, area=area, region=area.regions[-1]):
        yield area.spaces.active
    area.ui_type = before


def text():
    return " ".join(drawn(result.VIEW3D_PT_actionmesh_result))


def newest():
    return job_list.records(True)[0]


def test_the_panel_tells_how_the_animation_fits(addon):
    animated_cube(addon, match="track")
    assert "Fits the clip: 97% (from the mesh)" in text() and "actionmesh.face_other_way" not in text()
    assert "Shape" not in dict(animated_object.facts(bpy.context.active_object))
    assert "actionmesh.match_again" in text() and "actionmesh.add_camera" in text()
    OPS.match_again(match="auto")
    assert "Fits the clip: 97% (from the motion)" in text()
    OPS.match_again(match="off")
    assert "Not matched to the clip" in text()


def test_what_an_older_version_made_tells_of_no_fit(addon):
    key = animated_cube(addon).data.shape_keys
    kept = key["actionmesh"].to_dict()
    for name in ("facing", "scale", "origin"):
        del kept[name]
    key["actionmesh"] = kept | {"provenance": '{"clip": "wave.mp4", "seed": 1}'}
    assert "Fits" not in text() and "actionmesh.match_again" not in text()
    with pytest.raises(RuntimeError, match="poll"):
        OPS.add_camera()
    key["actionmesh"] = kept | {"provenance": '{"fit": {"way": "by magic"}}'}
    assert clip_fit.fit_of(bpy.context.active_object) is None


def test_doubt_is_told_with_a_button_that_faces_the_other_way(addon):
    target = animated_cube(addon, "doubtful")
    assert "Seen from the other side it fits as well." in text() and "actionmesh.face_other_way" in text()
    assert newest().request.facing == "auto"
    assert OPS.face_other_way() == {"FINISHED"}
    again = newest()
    assert again.rematch is None and again.request.facing == "-X" and again.request.mesh == "target.ply"
    assert animated_object.animation_of(target).job == again.id and "actionmesh.face_other_way" not in text()
    with pytest.raises(RuntimeError, match="poll"):
        OPS.face_other_way()
    assert target.actionmesh.facing == "AUTO"


def test_facing_the_other_way_of_a_result_that_was_matched_again_matches_again(addon):
    animated_cube(addon, "doubtful")
    OPS.match_again(match="track")
    assert OPS.face_other_way() == {"FINISHED"}
    again = newest()
    assert (again.rematch.facing, again.rematch.match, again.request.facing) == ("-X", "track", "-X")
    assert again.state is State.WRITTEN


def test_a_mesh_that_stands_otherwise_is_bent_on_request(addon):
    target = animated_cube(addon, "otherwise")
    assert "Not matched to the clip" in text() and "actionmesh.bend_into_clip" in text()
    assert newest().request.bend is False
    assert OPS.bend_into_clip() == {"FINISHED"}
    again = newest()
    assert again.request.bend is True and again.request.mesh == "target.ply" and again.state is State.WRITTEN
    assert "Fits the clip" in text() and "actionmesh.bend_into_clip" not in text()
    assert animated_object.animation_of(target).job == again.id
    with pytest.raises(RuntimeError, match="poll"):
        OPS.bend_into_clip()


def test_a_result_that_was_matched_again_in_vain_is_made_anew_to_be_bent(addon):
    animated_cube(addon, "otherwise")
    OPS.match_again(match="auto")
    assert newest().rematch is not None and "actionmesh.bend_into_clip" in text()
    assert OPS.bend_into_clip() == {"FINISHED"}
    assert newest().rematch is None and newest().request.bend is True


def test_the_panel_asks_for_bending_from_the_start(addon):
    animated_cube(addon, "otherwise", bend=True)
    assert newest().request.bend is True and "Fits the clip" in text()


def test_a_mesh_that_cannot_be_bent_is_shown_over_its_frame(addon, monkeypatch):
    target = selected_cube()
    bpy.context.scene.actionmesh.bend = True
    with pytest.raises(RuntimeError, match="cannot be bent"):
        OPS.animate_selected(filepath=clip(addon, "misfit"))
    failed = newest()
    assert failed.state is State.FAILED and target.data.shape_keys is None
    problem = panel_state.state.problem
    assert problem.fix == "actionmesh.show_misfit" and problem.arguments == {"job": failed.id}
    assert "actionmesh.show_misfit" in " ".join(drawn(animate.VIEW3D_PT_actionmesh_animate))
    assert "actionmesh.show_misfit" in " ".join(drawn(history.VIEW3D_PT_actionmesh_history))
    with pytest.raises(RuntimeError, match="opens no window"):
        OPS.show_misfit(job=failed.id)
    with image_editor() as editor:
        monkeypatch.setattr(picture_window, "opened", nullcontext)
        assert OPS.show_misfit(job=failed.id) == {"FINISHED"}
        assert Path(editor.image.filepath) == failed.misfit_path
    failed.misfit_path.unlink()
    with pytest.raises(RuntimeError, match="no longer in the job folder"):
        OPS.show_misfit(job=failed.id)
    assert "actionmesh.show_misfit" not in " ".join(drawn(history.VIEW3D_PT_actionmesh_history))


@pytest.mark.parametrize(
    ("facing", "doubt", "side"),
    [
        (0, 178, "-Z"),
        (90, -88, "-X"),
        (-170, 8, "+Z"),
        (40, -10, "+Z"),
        (-10, 40, "+X"),
        (0, None, "-Z"),
        (90, None, "-X"),
    ],
)
def test_the_other_side_is_the_one_in_doubt_or_the_opposite(addon, facing, doubt, side):
    assert clip_fit.other_side(protocol.Fit(facing=facing, doubt=doubt, notes=("Hm.",))) == side
    assert clip_fit.other_side(protocol.Fit(facing=facing, doubt=doubt, notes=("Hm.",), shape="relief")) is None


def test_there_is_no_other_side_where_nothing_is_doubtful(addon):
    assert clip_fit.other_side(protocol.Fit()) is None


def test_matching_again_takes_the_place_of_the_keys_and_plays_as_before(addon):
    target = animated_cube(addon)
    target.location = (1, 2, 3)
    first, before = newest(), heights(target)
    target.actionmesh.loop, target.actionmesh.speed = "PING_PONG", 0.5
    bpy.context.scene.frame_set(70)
    assert OPS.match_again(match="track", facing="NEG_Y") == {"FINISHED"}
    made, record = animated_object.animation_of(target), newest()
    assert keys_of(target) == 5 and made.job == record.id != first.id and made.start_frame == 1
    assert (made.playback.loop, made.playback.speed) == ("PING_PONG", 0.5)
    target.actionmesh.speed = 1.0
    still = before[0]
    np.testing.assert_allclose(np.subtract(heights(target), still), 2 * np.subtract(before, still), atol=1e-5)
    assert (
        record.state is State.WRITTEN
        and record.purpose is Purpose.KEYS
        and record.title == "wave to Cube (matched again)"
    )
    assert (record.rematch.match, record.rematch.facing, record.rematch.result) == (
        "track",
        "+Z",
        str(first.result_path),
    )
    assert record.rematch.clip is None and record.rematch.memory == first.request.memory


@pytest.mark.parametrize(
    ("chosen", "axis", "side"),
    [
        ("AUTO", "AUTO", "auto"),
        ("AUTO", "POS_X", "+X"),
        ("POS_X", "POS_X", "+Z"),
        ("POS_X", "NEG_X", "-Z"),
        ("NEG_Z", "POS_Z", "-Z"),
    ],
)
def test_an_axis_of_the_object_becomes_a_side_of_the_jobs_mesh(addon, chosen, axis, side):
    target = selected_cube()
    target.actionmesh.facing = chosen
    OPS.animate_selected(filepath=clip(addon))
    OPS.match_again(facing=axis)
    assert newest().rematch.facing == side


def test_an_axis_with_another_one_up_needs_the_model(addon):
    animated_cube(addon)
    with pytest.raises(RuntimeError, match="another axis up. Animate it again with this facing"):
        OPS.match_again(facing="POS_Z")
    assert len(job_list.records(True)) == 1


def test_a_new_object_is_matched_again_where_it_stands(addon):
    bpy.context.scene.cursor.location = (1, 2, 3)
    bpy.context.scene.actionmesh.size = 5.0
    OPS.animate_from_video(filepath=clip(addon))
    made = bpy.context.active_object
    rest, before = evaluated(made, 1), evaluated(made, 3)
    record = animated_object.animation_of(made)
    assert record.fit.camera is None and "actionmesh.match_again" in text()
    assert dict(animated_object.facts(made))["Shape"] == "Network"
    OPS.match_again(match="refine")
    np.testing.assert_allclose(evaluated(made, 1), rest, atol=1e-6)
    np.testing.assert_allclose(evaluated(made, 3) - rest, 2 * (before - rest), atol=1e-5)
    again = animated_object.animation_of(made)
    assert (again.scale, again.origin) == (pytest.approx(record.scale), pytest.approx(record.origin, abs=1e-6))
    assert again.fit.camera is not None and [item.name for item in bpy.data.objects if item.type == "MESH"] == ["wave"]


def test_another_take_of_what_was_matched_again_is_one_by_the_model(addon):
    target = animated_cube(addon)
    OPS.match_again(match="track", facing="NEG_Y")
    OPS.rerun(seed=9)
    again = newest()
    assert again.rematch is None and (again.request.seed, again.request.match, again.request.facing) == (
        9,
        "track",
        "+Z",
    )
    assert again.title == "wave to Cube" and animated_object.animation_of(target).provenance["seed"] == 9


def test_another_take_of_a_new_object_that_was_matched_again_is_a_sibling(addon):
    OPS.animate_from_video(filepath=clip(addon))
    OPS.match_again()
    OPS.rerun(seed=9)
    assert newest().purpose is Purpose.NEW_OBJECT and newest().request.mesh is None
    assert sorted(item.name for item in bpy.data.objects) == ["wave", "wave.001"]


def test_history_brings_it_back_and_runs_it_again(addon):
    target = animated_cube(addon)
    first = newest()
    OPS.match_again(match="track")
    matched, high = newest(), heights(target)
    OPS.bring_back(job=first.id)
    assert animated_object.animation_of(target).job == first.id and heights(target) != high
    OPS.bring_back(job=matched.id)
    assert animated_object.animation_of(target).job == matched.id and heights(target) == high
    for again in (OPS.retry, OPS.retry_lighter):
        assert again(job=matched.id) == {"FINISHED"}
        assert newest().rematch.match == "track" and newest().title == matched.title and heights(target) == high
    assert newest().rematch.memory == "6"
    bpy.data.objects.remove(target)
    OPS.bring_back(job=matched.id)
    assert keys_of(bpy.data.objects["wave to Cube (matched again)"]) == 5


def test_it_is_queued_cancelled_and_undone_as_other_jobs_are(addon):
    target = animated_cube(addon)
    low = heights(target)
    bpy.ops.ed.undo_push(message="before")
    press(OPS.match_again, match="track", filepath=clip(addon, "slow"))
    assert State.WAITING in states() and heights(target) == low
    tick_until(lambda: runner.state.progress)
    assert "Reading frames" in " ".join(drawn(progress.VIEW3D_PT_actionmesh_progress))
    OPS.cancel()
    tick_until(all_over)
    assert newest().state is State.CANCELLED and heights(target) == low
    press(OPS.match_again, match="track")
    tick_until(lambda: newest().state is State.WRITTEN)
    assert heights(bpy.data.objects["Cube"]) != low
    bpy.ops.ed.undo()
    assert heights(bpy.data.objects["Cube"]) == low


def test_a_result_or_a_clip_that_is_gone_is_told(addon):
    animated_cube(addon)
    record = newest()
    (addon / "wave").unlink()
    with pytest.raises(RuntimeError, match="wave no longer exists"):
        OPS.match_again()
    assert OPS.match_again(filepath=clip(addon, "doubtful")) == {"FINISHED"}
    assert newest().rematch.clip == newest().request.clip == str(addon / "doubtful")
    OPS.bring_back(job=record.id)
    record.result_path.unlink()
    with pytest.raises(RuntimeError, match="The result to match is no longer in the job folder"):
        OPS.match_again(filepath=clip(addon, "doubtful"))
    OPS.remove_job(job=record.id)
    with pytest.raises(RuntimeError, match="The job is no longer in the job folder"):
        OPS.match_again()


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("finding_camera", "Finding the camera"),
        ("following", "Following the clip"),
        ("correspondence", "Moving the mesh"),
        ("reading", "Reading frames"),
    ],
)
def test_progress_is_in_words(addon, stage, words):
    notice = protocol.ProgressNotice(1, protocol.Stage(stage), 0, 1, None)
    assert stage_words.in_words(notice) == words
    assert stage_words.in_words(replace(notice, part=1, parts=2)) == f"{words} (1 of 2)"


def test_every_stage_has_words(addon):
    assert set(stage_words.WORDS) == set(protocol.Stage)
    told = {stage_words.in_words(protocol.ProgressNotice(1, stage, 0, 1, None, item="12")) for stage in protocol.Stage}
    assert len(told) == len(protocol.Stage) and not any("{" in words for words in told)
    assert "Memory ran out: continuing as on a card of 12 GB" in told


def test_the_arrow_shows_what_was_chosen_or_found(addon):
    target = selected_cube()
    assert clip_fit.front_and_up(target) is None
    target.actionmesh.facing = "POS_X"
    np.testing.assert_array_equal(clip_fit.front_and_up(target), [(1, 0, 0), (0, 0, 1)])
    target.actionmesh.facing = "AUTO"
    OPS.animate_selected(filepath=clip(addon))
    np.testing.assert_allclose(clip_fit.front_and_up(target), [(1, 0, 0), (0, 0, 1)], atol=1e-12)
    corners = [list(corner) for corner in target.bound_box]
    points = facing_arrow.arrow(corners, clip_fit.front_and_up(target))
    assert (
        tuple(points[1] - points[0]) == pytest.approx((points[1].x - points[0].x, 0, 0), abs=1e-6) and points[1].x > 1.9
    )


def test_a_new_object_is_seen_from_its_front(addon):
    OPS.animate_from_video(filepath=clip(addon))
    np.testing.assert_allclose(clip_fit.front_and_up(bpy.context.active_object), [(0, -1, 0), (0, 0, 1)], atol=1e-12)
