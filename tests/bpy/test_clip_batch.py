"""A folder of clips on all selected meshes: copies in rows, a job for each, and nothing left of a refusal."""

import bpy
import pytest
from mathutils import Vector

from blender_addon.jobs.record import State
from blender_addon.session import job_list
from blender_addon.session.runner import runner
from blender_addon.workflow.clip_batch import submit_batch
from tests.bpy.addon import all_over, keys_of, selected_cube, states, tick_until

OPS = bpy.ops.actionmesh


@pytest.fixture
def clips(addon):
    """Return a folder of two clips, which are folders of pictures, and of what is none: a note and masks."""
    folder = addon / "clips"
    for name in ("wave", "painted", "wave_mask"):
        (folder / name).mkdir(parents=True)
        (folder / name / "1.png").touch()
    (folder / "notes.txt").touch()
    return folder


def two_meshes():
    first, second = selected_cube("First"), selected_cube("Second", location=(4, 0, 0))
    first.select_set(True)
    return first, second


def nothing_was_queued():
    job_list.forget()
    return not states() and not runner.state.records


def meshes():
    return {item.name for item in bpy.data.objects if item.type == "MESH"}


def ends_along_y(target):
    ends = [(target.matrix_world @ Vector(corner)).y for corner in target.bound_box]
    return min(ends), max(ends)


def test_every_clip_moves_a_copy_of_every_selected_mesh(addon, clips):
    first, second = two_meshes()
    assert OPS.batch(directory=str(clips)) == {"FINISHED"}
    copies = {"First wave", "Second wave", "First painted", "Second painted"}
    assert meshes() == {"First", "Second"} | copies
    assert keys_of(first) == keys_of(second) == 0 and first.data.shape_keys is None
    assert all(keys_of(bpy.data.objects[name]) == 5 for name in copies) and states() == [State.WRITTEN] * 4
    assert {record.title for record in job_list.records(False)} == {
        f"{clip} to {mesh} {clip}" for clip in ("wave", "painted") for mesh in ("First", "Second")
    }


def test_copies_stand_in_rows_that_do_not_touch(addon, clips):
    first, _second = two_meshes()
    OPS.batch(directory=str(clips))
    bpy.context.view_layer.update()
    rows = [ends_along_y(bpy.data.objects[name]) for name in ("First", "First painted", "First wave")]
    assert rows[0][1] < rows[1][0] and rows[1][1] < rows[2][0]
    assert bpy.data.objects["Second wave"].location.x == pytest.approx(4)


def test_the_folder_of_the_panel_is_used_and_a_click_returns_at_once(addon, clips):
    two_meshes()
    bpy.context.scene.actionmesh.batch_folder = str(clips)
    assert OPS.batch(queued=True) == {"FINISHED"}
    assert states() == [State.WAITING] * 4 and keys_of(bpy.data.objects["First wave"]) == 0
    tick_until(all_over)
    tick_until(lambda: states() == [State.WRITTEN] * 4)
    assert runner.state.problem is None


def test_one_undo_takes_the_copies_away_and_leaves_the_meshes(addon, clips):
    two_meshes()
    bpy.ops.ed.undo_push(message="before")
    OPS.batch("EXEC_DEFAULT", True, directory=str(clips), queued=True)
    assert len(meshes()) == 6
    bpy.ops.ed.undo()
    assert meshes() == {"First", "Second"}
    tick_until(lambda: all_over() and not runner.arrivals.waiting)
    assert meshes() == {"First", "Second"} and runner.state.problem is not None
    assert runner.state.problem.cure == "The result stays in History."


@pytest.mark.fault("Escape while many jobs were being queued left half of the copies and jobs")
def test_closing_it_early_leaves_no_copy_and_no_job(addon, clips):
    first, second = two_meshes()
    slices = submit_batch(bpy.context, [first, second], str(clips), None, waits=False)
    for _ in range(3):
        next(slices)
    assert len(meshes()) == 5
    slices.close()
    assert meshes() == {"First", "Second"}
    tick_until(all_over)
    assert set(states()) == {State.CANCELLED} and meshes() == {"First", "Second"}


def test_a_mesh_that_cannot_be_animated_is_refused_before_any_copy(addon, clips):
    first, second = two_meshes()
    second.data.clear_geometry()
    with pytest.raises(RuntimeError, match="Second has no vertices"):
        OPS.batch(directory=str(clips))
    assert meshes() == {"First", "Second"} and nothing_was_queued()


@pytest.mark.fault("The masks of one clip were applied to all clips of a folder")
def test_masks_of_one_clip_are_not_used_for_others(addon, clips):
    two_meshes()
    bpy.context.scene.actionmesh.masks = str(clips)
    with pytest.raises(RuntimeError, match="Masks are set for one clip"):
        OPS.batch(directory=str(clips))
    assert nothing_was_queued()


@pytest.mark.parametrize(("named", "sentence"), [
    ("", "No folder of clips is chosen"), ("gone", "cannot be read"), ("empty", "holds no clips"),
])  # fmt: skip
def test_a_folder_without_clips_is_one_sentence(addon, named, sentence):
    selected_cube()
    (addon / "empty").mkdir()
    with pytest.raises(RuntimeError, match=sentence):
        OPS.batch(directory=str(addon / named) if named else "")
    assert meshes() == {"Cube"}
