"""Faults while a job runs. Blender stays usable after each, and nothing that was made is lost."""

import bpy
import numpy as np
import pytest

from blender_addon.jobs.record import State
from blender_addon.session import job_list
from blender_addon.session.runner import runner
from tests.bpy.addon import all_over, clip, keys_of, press, selected_cube, states, tick_until
from tests.bpy.scenes import cloud

OPS = bpy.ops.actionmesh


def start(addon, name="wave", operator=OPS.animate_selected):
    press(operator, filepath=clip(addon, name))
    return job_list.records(False)[0].id


def still_works(addon):
    """Check that a new job finishes."""
    bpy.ops.object.select_all(action="DESELECT")
    target = selected_cube("Fresh", location=(9, 0, 0))
    OPS.animate_selected(filepath=clip(addon))
    return keys_of(target) == 5


@pytest.mark.fault("the backend dies in the middle of a job and Blender waits for ever")
def test_worker_killed_in_the_middle(addon):
    selected_cube()
    start(addon, "crash")
    tick_until(all_over)
    error = job_list.records(False)[0].error
    assert states() == [State.FAILED] and "stopped unexpectedly" in runner.state.problem.problem
    assert "the last words of the backend" in error.log
    assert still_works(addon)


def test_backend_that_cannot_be_started(addon, monkeypatch):
    from blender_addon.process.client import start_worker

    monkeypatch.setattr("blender_addon.session.runner.start_worker", start_worker)
    monkeypatch.setenv("ACTIONMESH_PYTHON", str(addon / "no such python"))
    with pytest.raises(RuntimeError, match="no such python"):
        OPS.animate_from_video(filepath=clip(addon))
    assert runner.state.problem.fix == "actionmesh.open_preferences" and runner.state.worker == "not found"
    with pytest.raises(RuntimeError, match="no such python"):
        OPS.start_backend()


@pytest.mark.fault("a result that was cut short ends in a traceback")
def test_result_cut_short(addon):
    target = selected_cube()
    job = start(addon, "quick")
    tick_until(all_over)
    assert "damaged" in runner.state.problem.problem and target.data.shape_keys is None
    with pytest.raises(RuntimeError, match="damaged"):
        OPS.bring_back(job=job)
    assert still_works(addon)


@pytest.mark.fault("out of memory is a raw traceback with no way on")
def test_out_of_memory_offers_a_lighter_job(addon):
    target = selected_cube()
    bpy.context.scene.actionmesh.in_betweens = 3
    with pytest.raises(RuntimeError, match="memory"):
        OPS.animate_selected(filepath=clip(addon, "exhaust"))
    problem = runner.state.problem
    assert problem.fix == "actionmesh.retry_lighter"
    with pytest.raises(RuntimeError, match="memory"):
        OPS.retry_lighter(**problem.arguments)
    lighter, first = job_list.records(False)
    assert (first.request.memory, lighter.request.memory) == ("auto", "6") and lighter.request.in_betweens == 0
    assert target.data.shape_keys is None


@pytest.mark.fault("the result is lost when I delete the mesh while its job runs")
def test_target_deleted(addon):
    job = start_on(addon, selected_cube())
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    tick_until(all_over)
    assert "deleted" in runner.state.problem.problem and runner.state.problem.finished == job
    assert states() == [State.FINISHED]
    OPS.bring_back(job=job)
    assert states() == [State.WRITTEN] and keys_of(bpy.data.objects["wave to Cube"]) == 5


def start_on(addon, target, name="wave"):
    target.select_set(True)
    bpy.context.view_layer.objects.active = target
    return start(addon, name)


@pytest.mark.fault("the result is lost when I rename the mesh while its job runs")
def test_target_renamed(addon):
    target = selected_cube()
    start_on(addon, target)
    target.name = "Something else"
    tick_until(all_over)
    assert keys_of(target) == 5 and runner.state.problem is None


@pytest.mark.fault("the result wrecks the mesh when I edit it while its job runs")
def test_target_with_other_vertices(addon):
    target = selected_cube()
    job = start_on(addon, target)
    target.data.vertices.add(1)
    tick_until(all_over)
    assert "9 now" in runner.state.problem.problem and target.data.shape_keys is None
    OPS.bring_back(job=job)
    made = bpy.data.objects["wave to Cube"]
    assert keys_of(made) == 5 and len(made.data.vertices) == 8


@pytest.mark.fault("the result is lost when I am in Edit Mode as it comes")
def test_target_in_edit_mode_when_the_result_comes(addon):
    target = selected_cube()
    job = start_on(addon, target)
    bpy.ops.object.mode_set(mode="EDIT")
    tick_until(all_over)
    problem = runner.state.problem
    assert "being edited" in problem.problem and problem.fix == "object.mode_set" and problem.finished == job
    OPS.mend()
    assert runner.state.problem.finished == job and runner.state.problem.fix is None
    OPS.bring_back(job=job)
    assert keys_of(target) == 5 and target.mode == "OBJECT"


def test_targets_that_are_refused_name_a_cure_that_works(addon):
    target = selected_cube()
    bpy.ops.object.mode_set(mode="EDIT")
    refused(addon, "being edited")
    OPS.mend()
    assert runner.state.problem is None and target.mode == "OBJECT"
    bpy.data.objects.new("Twin", target.data)
    refused(addon, "2 users")
    bpy.ops.object.make_single_user(**runner.state.problem.arguments)
    OPS.animate_selected(filepath=clip(addon))
    assert keys_of(target) == 5


def refused(addon, words):
    with pytest.raises(RuntimeError, match=words):
        OPS.animate_selected(filepath=clip(addon))
    assert words in runner.state.problem.problem and all_over()


@pytest.mark.parametrize("spoil, words", [(np.nan, "NaN"), (0.0, "one point")])
def test_meshes_without_a_shape(addon, spoil, words):
    target = selected_cube()
    target.data.vertices.foreach_set("co", np.full(24, spoil, np.float32))
    refused(addon, words)
    assert states() == [] and still_works(addon)


@pytest.mark.fault("the result is lost when I reload the file while its job runs")
def test_file_opened_again(addon):
    path = str(addon / "scene.blend")
    selected_cube()
    bpy.ops.wm.save_as_mainfile(filepath=path)
    start(addon)
    bpy.ops.wm.open_mainfile(filepath=path)
    tick_until(all_over)
    assert keys_of(bpy.data.objects["Cube"]) == 5 and states() == [State.WRITTEN]
    assert len(job_list.records(False)) == 1


@pytest.mark.fault("the result is lost when I open another file while its job runs")
def test_another_file_opened(addon):
    path = str(addon / "scene.blend")
    selected_cube()
    bpy.ops.wm.save_as_mainfile(filepath=path)
    job = start(addon)
    bpy.ops.wm.read_homefile(use_empty=True)
    tick_until(all_over)
    assert not bpy.data.objects and "file is not open" in runner.state.problem.problem
    assert job_list.records(False) == [] and states() == [State.FINISHED]
    bpy.ops.wm.open_mainfile(filepath=path)
    assert [record.id for record in job_list.records(False)] == [job]
    OPS.bring_back(job=job)
    assert keys_of(bpy.data.objects["Cube"]) == 5


@pytest.mark.fault("after a crash History knows nothing of the job")
def test_blender_crashed_and_the_file_never_knew(addon):
    """The id of a saved file follows from its path, so its jobs are found again."""
    path = str(addon / "scene.blend")
    selected_cube()
    bpy.ops.wm.save_as_mainfile(filepath=path)
    job = start(addon, "slow")
    tick_until(lambda: runner.state.progress)
    runner.end()
    bpy.ops.wm.open_mainfile(filepath=path)
    assert [(record.id, record.state) for record in job_list.records(False)] == [(job, State.INTERRUPTED)]
    assert still_works(addon)


@pytest.mark.fault("undo while a job runs loses its result")
def test_undo_while_a_job_runs(addon):
    target = selected_cube()
    bpy.ops.ed.undo_push(message="cube")
    target.location.x = 3
    bpy.ops.ed.undo_push(message="moved")
    start(addon)
    bpy.ops.ed.undo()
    tick_until(all_over)
    target = bpy.data.objects["Cube"]
    assert target.location.x == 0 and keys_of(target) == 5 and len(job_list.records(False)) == 1


@pytest.mark.fault("undo of a result loses it for good")
def test_undo_of_a_result_keeps_it_in_history(addon):
    selected_cube()
    bpy.ops.ed.undo_push(message="cube")
    job = start(addon)
    tick_until(all_over)
    bpy.ops.ed.undo()
    assert keys_of(bpy.data.objects["Cube"]) == 0
    OPS.bring_back(job=job)
    assert keys_of(bpy.data.objects["Cube"]) == 5


def test_backend_stopped_by_hand(addon):
    target = selected_cube()
    start(addon, "slow")
    tick_until(lambda: runner.state.progress)
    OPS.stop_backend()
    assert all_over() and runner.state.worker == "stopped" and states() == [State.CANCELLED]
    assert target.data.shape_keys is None and still_works(addon)


def test_backend_started_and_its_memory_freed_by_hand(addon):
    OPS.start_backend()
    tick_until(lambda: runner.state.worker == "ready")
    still_works(addon)
    OPS.free_memory()
    OPS.stop_backend()
    assert runner.state.worker == "stopped"


def test_job_folder_that_cannot_be_written(addon, monkeypatch):
    target = selected_cube()
    (addon / "file").touch()
    monkeypatch.setenv("ACTIONMESH_HOME", str(addon / "file" / "home"))
    with pytest.raises(RuntimeError, match="cannot be written"):
        OPS.animate_selected(filepath=clip(addon))
    assert target.data.shape_keys is None and all_over()


@pytest.mark.fault("a full disk leaves half a job behind")
def test_disk_full_while_the_mesh_is_saved(addon, monkeypatch):
    from blender_addon.workflow import submission

    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    selected_cube()
    with monkeypatch.context() as patch:
        patch.setattr(submission, "save_rest_pose", full)
        refused_for("No space left", lambda: OPS.animate_selected(filepath=clip(addon)))
    assert list((addon / "home" / "jobs").iterdir()) == []
    assert still_works(addon)


def refused_for(words, call):
    with pytest.raises(RuntimeError, match=words):
        call()


def test_clip_that_is_not_there(addon):
    refused_for("does not exist", lambda: OPS.animate_from_video(filepath=str(addon / "nothing.mp4")))
    refused_for("No clip is chosen", lambda: OPS.animate_from_video())
    assert states() == []


@pytest.mark.fault("names in other scripts and long paths fail")
def test_unicode_and_long_paths(addon):
    folder = addon / "Ходьба 散歩 été" / ("long " * 40).strip()
    folder.mkdir(parents=True)
    target = selected_cube("Größe 猫")
    OPS.animate_selected(filepath=clip(folder))
    assert keys_of(target) == 5 and job_list.records(False)[0].title == "wave to Größe 猫"


def test_three_million_vertices(addon):
    target = cloud(3_000_000)
    target.select_set(True)
    bpy.context.view_layer.objects.active = target
    press(OPS.animate_selected, filepath=clip(addon))
    tick_until(all_over)
    assert keys_of(target) == 5


def test_removing_a_job(addon):
    job = start(addon, "slow", OPS.animate_from_video)
    refused_for("not over", lambda: OPS.remove_job(job=job))
    OPS.cancel()
    tick_until(all_over)
    assert OPS.remove_job(job=job) == {"FINISHED"} and states() == []
    refused_for("no longer in the job folder", lambda: OPS.remove_job(job=job))
    refused_for("no longer in the job folder", lambda: OPS.bring_back(job="../../etc"))


@pytest.mark.fault("the backend goes on after the add-on was disabled")
def test_disabling_the_addon_ends_the_backend(addon):
    import blender_addon
    from tests.addon.workers import is_running

    start(addon, "slow", OPS.animate_from_video)
    tick_until(lambda: runner.state.progress)
    pid = runner._queue.backend._client.pid
    blender_addon.unregister()
    assert not is_running(pid)
    blender_addon.register()
    assert states() == [State.INTERRUPTED] and still_works(addon)
