"""A backend that is alive but does not respond: Blender goes on, and the next job gets a new backend."""

import sys

import bpy
import pytest

from blender_addon.jobs.record import State
from blender_addon.process.client import WorkerClient
from blender_addon.session import job_list
from blender_addon.session.runner import runner
from tests.addon.workers import is_running
from tests.bpy.addon import WORKER, all_over, clip, keys_of, press, selected_cube, states, tick_until

OPS = bpy.ops.actionmesh


BUSY = pytest.mark.fault("on a busy computer a backend that only starts slowly is taken for dead")


class Clock:
    """A clock that stands still, however busy the computer is, until the test advances it."""

    now = 0.0

    def __call__(self):
        return self.now

    def pass_until(self, enough):
        def later():
            self.now += 0.1
            return enough()

        tick_until(later)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def impatient(addon, monkeypatch, clock):
    """Make the add-on give up on the backend soon, by its own clock."""
    start, patience = {"FAKE_START": "ready"}, {"patience": 0.5, "start_patience": 1.0, "clock": clock}
    worker = (sys.executable, WORKER, addon / "log")
    monkeypatch.setattr(
        "blender_addon.session.runner.start_worker", lambda *_: WorkerClient(*worker, dict(start), **patience)
    )
    return start


def next_job_works(addon):
    bpy.ops.object.select_all(action="DESELECT")
    target = selected_cube("Fresh", location=(9, 0, 0))
    OPS.animate_selected(filepath=clip(addon))
    return keys_of(target) == 5


@BUSY
def test_backend_that_falls_silent_in_the_middle(addon, impatient, clock):
    target = selected_cube()
    press(OPS.animate_selected, filepath=clip(addon, "mute"))
    tick_until(lambda: runner.state.progress)
    pid = runner._queue.backend._client.pid
    clock.pass_until(all_over)
    tick_until(lambda: not is_running(pid))
    assert "did not answer" in runner.state.problem.problem and states() == [State.FAILED]
    assert target.data.shape_keys is None
    impatient["FAKE_START"] = "ready"
    assert next_job_works(addon)


@BUSY
def test_backend_that_never_says_a_word(addon, impatient, clock):
    impatient["FAKE_START"] = "be_silent"
    press(OPS.animate_from_video, filepath=clip(addon))
    clock.pass_until(all_over)
    assert job_list.records(False)[0].error.kind == "worker_silent" and not bpy.data.objects
    impatient["FAKE_START"] = "ready"
    assert next_job_works(addon)


@BUSY
def test_backend_that_does_not_obey_a_cancel(addon, impatient, clock):
    press(OPS.animate_from_video, filepath=clip(addon, "deaf"))
    tick_until(lambda: runner.state.progress)
    backend = runner._queue.backend
    pid, backend.patience, backend._clock = backend._client.pid, 0.3, clock
    OPS.cancel()
    clock.pass_until(all_over)
    assert states() == [State.CANCELLED] and not bpy.data.objects
    tick_until(lambda: not is_running(pid))
    assert next_job_works(addon)
