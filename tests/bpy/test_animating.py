"""From a click or a script to keys in the scene: the three ways in, the queue, cancelling, another take."""

import bpy
import pytest

from blender_addon.jobs.record import State
from blender_addon.panels.stage_words import in_words
from blender_addon.session import job_list, thumbnail
from blender_addon.session.runner import runner
from blender_addon.workflow import animated_object, submission
from tests.bpy.addon import all_over, clip, keys_of, press, selected_cube, states, tick_until

OPS = bpy.ops.actionmesh


def test_a_script_gets_a_new_object(addon):
    bpy.context.scene.frame_set(40)
    bpy.context.scene.frame_end = 42
    bpy.context.scene.cursor.location = (1, 2, 3)
    assert OPS.animate_from_video(filepath=clip(addon), seed=7) == {"FINISHED"}
    made = bpy.data.objects["wave"]
    assert keys_of(made) == 5 and max(made.dimensions) == pytest.approx(2) and tuple(made.location) == (1, 2, 3)
    told = animated_object.animation_of(made)
    assert (told.provenance["seed"], told.provenance["preset"], told.start_frame) == (7, "demo", 40)
    assert bpy.context.scene.frame_end == 44
    assert states() == [State.WRITTEN] and told.job == job_list.records(False)[0].id


def test_settings_of_the_scene_are_used(addon):
    settings = bpy.context.scene.actionmesh
    settings.clip, settings.size, settings.start_at, settings.mode, settings.preset = (
        clip(addon),
        0.5,
        "FIRST",
        "ABSOLUTE",
        "fast",
    )
    settings.fit_clip, settings.frame_start, settings.frame_count, settings.frame_step, settings.anchor = (
        False,
        3,
        9,
        2,
        4,
    )
    bpy.context.scene.frame_set(40)
    OPS.animate_from_video()
    made = bpy.data.objects["wave"]
    assert max(made.dimensions) == pytest.approx(0.5)
    assert not made.data.shape_keys.use_relative and animated_object.animation_of(made).start_frame == 1
    asked = job_list.records(False)[0].request
    assert (asked.frames.start, asked.frames.count, asked.frames.step, asked.anchor, asked.preset) == (
        3,
        9,
        2,
        4,
        "fast",
    )


def test_the_active_mesh_gets_keys_relative_to_its_front(addon):
    target = selected_cube(location=(5, 0, 0), rotation=(1, 0, 0), scale=(1, 2, 3))
    target.actionmesh.facing = "POS_X"
    OPS.animate_selected(filepath=clip(addon))
    assert keys_of(target) == 5 and animated_object.animation_of(target).provenance["mesh"].endswith("target.ply")
    record = job_list.records(False)[0]
    assert record.title == "wave to Cube" and record.request.reference_pose == "corrected"
    assert record.writing["facing"] == "POS_X" and record.request.smallest_part is None


def test_every_selected_mesh_gets_the_motion_in_turn(addon):
    first, second = selected_cube("First"), selected_cube("Second", location=(4, 0, 0))
    first.select_set(True)
    OPS.transfer_motion(filepath=clip(addon))
    assert keys_of(first) == keys_of(second) == 5 and states() == [State.WRITTEN] * 2


def test_a_click_returns_at_once_and_the_timer_writes(addon):
    target = selected_cube()
    press(OPS.animate_selected, filepath=clip(addon))
    assert keys_of(target) == 0 and states() == [State.WAITING]
    tick_until(lambda: keys_of(target))
    assert states() == [State.WRITTEN] and all_over() and runner.state.problem is None


def test_a_second_job_waits_for_the_first(addon):
    press(OPS.animate_from_video, filepath=clip(addon, "slow"))
    press(OPS.animate_from_video, filepath=clip(addon))
    tick_until(lambda: runner.state.progress)
    assert [record.title for record in runner.state.records] == ["slow", "wave"]
    OPS.cancel()
    tick_until(all_over)
    assert sorted(states()) == [State.CANCELLED, State.WRITTEN] and [item.name for item in bpy.data.objects] == ["wave"]


@pytest.mark.parametrize("stage", ["waiting", "starting", "running"])
def test_cancel_at_every_stage_leaves_the_scene_as_it_was(addon, stage):
    target = selected_cube()
    press(OPS.animate_selected, filepath=clip(addon, "slow"))
    if stage == "starting":
        runner.tick()
    if stage == "running":
        tick_until(lambda: runner.state.progress)
    assert OPS.cancel(job=job_list.records(False)[0].id) == {"FINISHED"}
    tick_until(lambda: states() == [State.CANCELLED])
    assert target.data.shape_keys is None and target.animation_data is None
    OPS.animate_selected(filepath=clip(addon))
    assert keys_of(target) == 5


def test_nothing_to_cancel_is_said(addon):
    with pytest.raises(RuntimeError, match="poll"):
        OPS.cancel()


def test_one_undo_takes_the_animation_away_and_one_redo_brings_it_again(addon):
    target = selected_cube()
    bpy.ops.ed.undo_push(message="before")
    press(OPS.animate_selected, filepath=clip(addon))
    tick_until(lambda: keys_of(target))
    bpy.ops.ed.undo()
    target = bpy.data.objects["Cube"]
    assert keys_of(target) == 0 and target.data.shape_keys is None
    bpy.ops.ed.redo()
    assert keys_of(bpy.data.objects["Cube"]) == 5


def test_another_take_replaces_the_keys_and_has_another_seed(addon):
    target = selected_cube()
    OPS.animate_selected(filepath=clip(addon), seed=1)
    OPS.rerun(seed=2)
    assert keys_of(target) == 5 and animated_object.animation_of(target).provenance["seed"] == 2


def test_strength_speed_and_repeat_are_the_animations_own(addon):
    target = selected_cube()
    OPS.animate_selected(filepath=clip(addon))
    settings, scene = target.actionmesh, bpy.context.scene
    scene.frame_set(3)
    still, moved = target.data.vertices[0].co.copy(), evaluated(target)
    settings.strength = 0.5
    assert evaluated(target)[2] == pytest.approx((still[2] + moved[2]) / 2, abs=1e-6)
    settings.strength, settings.speed, settings.loop = 1.0, 0.5, "PING_PONG"
    assert (settings.strength, settings.speed, settings.loop) == (1.0, 0.5, "PING_PONG")
    scene.frame_set(5)
    assert evaluated(target)[2] == pytest.approx(moved[2], abs=1e-6)
    assert scene.frame_end >= 250 and animated_object.animation_of(target).playback.speed == 0.5


def evaluated(target):
    return target.evaluated_get(bpy.context.evaluated_depsgraph_get()).data.vertices[0].co.copy()


def test_absolute_keys_cannot_be_blended_and_say_so(addon):
    bpy.context.scene.actionmesh.mode = "ABSOLUTE"
    target = selected_cube()
    OPS.animate_selected(filepath=clip(addon))
    target.actionmesh.strength = 0.5
    assert target.actionmesh.strength == 1.0 and "Absolute" in runner.state.problem.problem
    OPS.dismiss()
    assert runner.state.problem is None


def test_going_to_the_reference_frame(addon):
    bpy.context.scene.frame_set(30)
    selected_cube()
    OPS.animate_selected(filepath=clip(addon))
    bpy.context.scene.frame_set(99)
    OPS.go_to_reference()
    assert bpy.context.scene.frame_current == 30


def test_bake_and_export_by_their_operators(addon):
    selected_cube("Source")
    OPS.animate_selected(filepath=clip(addon))
    assert OPS.bake(method="COMPRESSED", limit="COUNT", count=2) == {"FINISHED"}
    assert 1 <= keys_of(bpy.data.objects["Source (baked)"]) <= 2
    assert OPS.bake("INVOKE_DEFAULT") == {"FINISHED"}
    assert OPS.export(filepath=str(addon / "out.glb"), format="GLB") == {"FINISHED"}
    assert (addon / "out.glb").read_bytes()[:4] == b"glTF"


def test_an_animated_object_drives_another(addon):
    source, scene = selected_cube("Source"), bpy.context.scene
    source.keyframe_insert("location", frame=1)
    source.location.x = 3
    source.keyframe_insert("location", frame=9)
    scene.frame_start, scene.frame_end, settings = 1, 9, scene.actionmesh
    settings.source, settings.source_object, settings.frame_count = "OBJECT", source, 3
    target = selected_cube("Target")
    source.select_set(True)
    OPS.transfer_motion()
    record = job_list.records(False)[0]
    assert keys_of(target) == 5 and source.data.shape_keys is None
    assert sorted(path.name for path in record.frames_path.iterdir()) == [
        f"frame_{number:04d}.png" for number in (1, 2, 3)
    ]
    assert record.request.fps == pytest.approx(6) and record.writing["start"] == 1
    assert dict(animated_object.facts(target))["Object"] == "Source"
    seen = runner.state.look
    assert seen.source == thumbnail.source_key(settings) and seen.summary == "Scene frame 1 of Source"
    settings.source_facing = "POS_X"
    assert seen.source != thumbnail.source_key(settings)


def test_measuring_and_rendering_are_steps_of_one_count(addon):
    source, scene = selected_cube("Source"), bpy.context.scene
    source.keyframe_insert("location", frame=1)
    source.location.x = 3
    source.keyframe_insert("location", frame=3)
    settings = scene.actionmesh
    settings.source, settings.source_object, scene.frame_end = "OBJECT", source, 3
    (job,) = submission.submit(bpy.context, [None])
    seen = []
    while runner.state.records[0].state in {State.WAITING, State.PREPARING}:
        runner.tick()
        told = runner.state.progress.get(job)
        seen += [(in_words(told.notice), told.notice.step, told.notice.total)] if told else []
    assert [step for stage, step, total in dict.fromkeys(seen) if total == 6] == [1, 2, 3, 4, 5, 6]
    assert {stage for stage, _, total in seen if total == 6} == {"Measuring Source", "Rendering Source"}


def test_fitting_needs_to_know_the_length(addon):
    bpy.context.scene.actionmesh.clip = clip(addon)
    with pytest.raises(RuntimeError, match="poll"):
        OPS.fit_clip()
    settings, scene = bpy.context.scene.actionmesh, bpy.context.scene
    settings.source, settings.frame_count, scene.frame_start, scene.frame_end = "OBJECT", 16, 11, 50
    OPS.fit_clip()
    assert (settings.scene_start, settings.frame_step, settings.frame_count, settings.fit_clip) == (11, 3, 14, False)


def test_dice(addon):
    settings = bpy.context.scene.actionmesh
    OPS.dice()
    assert settings.seed > 0
