"""Whatever is done to Blender, the scene or the add-on during a job, its result is never lost and nothing raises."""

import bpy
import pytest

import blender_addon
from blender_addon.jobs.record import State
from blender_addon.session import interruption, job_list
from blender_addon.session.runner import _file_was_opened, runner
from tests.bpy.addon import all_over, clip, keys_of, press, selected_cube, states, tick_until
from tests.bpy.instant import InstantClient

OPS = bpy.ops.actionmesh
LOST = pytest.mark.fault(
    "a result is lost or ends in a traceback when the scene, the mesh or the file changes while its job runs"
)


@pytest.fixture
def held(addon, monkeypatch):
    """Return a mesh whose job's result has arrived and waits, as while an artist moves an object."""
    monkeypatch.setattr("blender_addon.session.runner.start_worker", InstantClient)
    monkeypatch.setattr(runner.arrivals, "must_wait", lambda: True)
    target = selected_cube()
    press(OPS.animate_selected, filepath=clip(addon))
    tick_until(lambda: runner.arrivals.waiting)
    assert keys_of(target) == 0
    return target


def let_go(monkeypatch):
    monkeypatch.setattr(runner.arrivals, "must_wait", lambda: False)
    tick_until(lambda: not runner.arrivals.waiting)


@LOST
def test_a_result_waits_while_something_is_moved_or_rendered(held, monkeypatch):
    for _ in range(5):
        runner.tick()
    assert keys_of(held) == 0 and states() == [State.FINISHED]
    let_go(monkeypatch)
    assert keys_of(held) == 5 and states() == [State.WRITTEN]


def test_blenders_own_renders_are_waited_for(addon):
    assert not runner.arrivals.must_wait()
    for job in interruption.READING_THE_SCENE:
        assert bpy.app.is_job_running(job) is False, "a name that Blender knows"


@pytest.mark.fault("with an add-on that shows pressed keys, and so runs for ever, no result is ever written")
def test_what_runs_for_ever_is_not_waited_for_and_what_an_artist_does_is(addon):
    ours, moving = "ACTIONMESH_OT_cancel", "TRANSFORM_OT_translate"
    assert (
        interruption.is_of_blender(moving)
        and interruption.is_of_blender("WM_OT_context_toggle")
        and not interruption.is_of_blender(ours)
    )
    assert (
        not interruption.must_wait([], 0)
        and interruption.must_wait([ours], 10)
        and not interruption.must_wait([ours], 100)
    )
    assert interruption.must_wait([ours, moving], 100_000)


@LOST
@pytest.mark.parametrize("mode", ["EDIT", "SCULPT", "WEIGHT_PAINT", "VERTEX_PAINT"])
def test_the_mesh_is_in_another_mode(held, monkeypatch, mode):
    bpy.ops.object.mode_set(mode=mode)
    let_go(monkeypatch)
    job = job_list.records(True)[0]
    if job.state is not State.WRITTEN:
        assert runner.state.problem.finished == job.id
        bpy.ops.object.mode_set(mode="OBJECT")
        OPS.bring_back(job=job.id)
    assert keys_of(held) == 5


@LOST
def test_the_scene_is_renamed_and_another_is_open(held, monkeypatch):
    begun = bpy.context.scene
    begun.name, begun.render.fps = "Renamed", 48
    other = bpy.data.scenes.new("Scene")
    bpy.context.window.scene = other
    let_go(monkeypatch)
    assert keys_of(held) == 5 and begun.use_preview_range and not other.use_preview_range


@LOST
def test_the_scene_is_deleted(held, monkeypatch):
    begun, other = bpy.context.scene, bpy.data.scenes.new("Other")
    other.collection.objects.link(held)
    bpy.context.window.scene = other
    bpy.data.scenes.remove(begun)
    let_go(monkeypatch)
    assert keys_of(held) == 5 and other.use_preview_range and states() == [State.WRITTEN]
    assert [record.state for record in job_list.records(False)] == [State.WRITTEN], "the id was in every scene"


@LOST
def test_scene_and_mesh_are_deleted(held, monkeypatch):
    begun, other = bpy.context.scene, bpy.data.scenes.new("Other")
    bpy.context.window.scene = other
    bpy.data.objects.remove(held)
    bpy.data.scenes.remove(begun)
    let_go(monkeypatch)
    (record,) = job_list.records(False)
    assert record.state is State.FINISHED and "deleted" in runner.state.problem.problem
    OPS.bring_back(job=record.id)
    assert keys_of(other.objects["wave to Cube"]) == 5


@LOST
def test_another_file_is_opened_while_a_result_waits(held, monkeypatch, addon):
    bpy.ops.wm.save_as_mainfile(filepath=str(addon / "first.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)
    let_go(monkeypatch)
    assert states() == [State.FINISHED] and "not open" in runner.state.problem.problem
    bpy.ops.wm.open_mainfile(filepath=str(addon / "first.blend"))
    OPS.bring_back(job=job_list.records(False)[0].id)
    assert keys_of(bpy.data.objects["Cube"]) == 5


@LOST
@pytest.mark.parametrize("again", [lambda: None, blender_addon.unregister], ids=["twice", "reload"])
def test_the_add_on_is_registered_again_while_a_result_waits(held, monkeypatch, again):
    again()
    blender_addon.register()
    assert bpy.app.handlers.load_post.count(_file_was_opened) == 1
    assert [record.state for record in job_list.records(False)] == [State.FINISHED]
    OPS.bring_back(job=job_list.records(False)[0].id)
    assert keys_of(held) == 5


@LOST
def test_the_mesh_is_linked_from_a_library_by_now(held, monkeypatch, addon):
    library = str(addon / "library.blend")
    bpy.data.libraries.write(library, {held})
    bpy.data.objects.remove(held)
    with bpy.data.libraries.load(library, link=True) as (there, here):
        here.objects = there.objects
    bpy.context.scene.collection.objects.link(here.objects[0])
    let_go(monkeypatch)
    (record,) = job_list.records(False)
    assert record.state is State.FINISHED and runner.state.problem.finished == record.id
    OPS.bring_back(job=record.id)
    assert keys_of(bpy.data.objects["wave to Cube"]) == 5


@LOST
def test_a_fault_of_our_own_while_it_is_written_leaves_the_result_to_be_brought_back(held, monkeypatch, capfd):
    with monkeypatch.context() as broken:
        broken.setattr(runner.arrivals, "deliver", lambda _job: 1 / 0)
        broken.setattr(runner.arrivals, "must_wait", lambda: False)
        tick_until(lambda: not runner.arrivals.waiting)
    (record,) = job_list.records(False)
    assert record.state is State.FINISHED and runner.state.problem.finished == record.id
    OPS.bring_back(job=record.id)
    assert keys_of(held) == 5


@LOST
def test_the_scene_belongs_to_a_library(held, monkeypatch, addon):
    other = bpy.data.scenes.new("Linked")
    library = str(addon / "library.blend")
    bpy.ops.wm.save_as_mainfile(filepath=library, copy=True)
    bpy.data.scenes.remove(other)
    with bpy.data.libraries.load(library, link=True) as (_there, here):
        here.scenes = ["Linked"]
    let_go(monkeypatch)
    assert keys_of(held) == 5 and all_over()
    bpy.ops.wm.save_as_mainfile(filepath=str(addon / "with library.blend"))
    bpy.ops.wm.revert_mainfile()
    assert [record.state for record in job_list.records(False)] == [State.WRITTEN]
