"""The add-on registered in the test's own Blender, driven without a window, with a worker that makes waves."""

import sys
import time
from pathlib import Path

import bpy
import pytest

import blender_addon
from blender_addon.process.client import WorkerClient
from blender_addon.session import job_list
from blender_addon.session.runner import runner

WORKER = Path(__file__).with_name("waving_worker.py")
TIMEOUT = 30


@pytest.fixture
def addon(tmp_path, monkeypatch):
    """Return the folder in which `clip` makes clips; everything that the add-on writes goes next to it."""
    monkeypatch.setenv("ACTIONMESH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(
        "blender_addon.session.runner.start_worker",
        lambda *_: WorkerClient(sys.executable, WORKER, tmp_path / "log", {}),
    )
    blender_addon.register()
    yield tmp_path
    blender_addon.unregister()


def clip(folder, name="wave"):
    """Make a clip whose name tells the worker how its job goes."""
    path = folder / name
    path.touch()
    return str(path)


def tick_until(enough, timeout=TIMEOUT):
    """Do what the timer does in a Blender with a window; return the longest time that one tick took."""
    end, longest = time.monotonic() + timeout, 0.0
    while not enough():
        assert time.monotonic() < end, f"it did not happen in time: {runner.state}"
        start = time.perf_counter()
        runner.tick()
        longest = max(longest, time.perf_counter() - start)
        time.sleep(0.005)
    return longest


def all_over():
    return not runner.state.records


def press(operator, **arguments):
    """Press a button: the operator queues its job and returns.

    Without a window Blender executes the operator instead of invoking it.
    """
    assert operator(queued=True, **arguments) == {"FINISHED"}


def selected_cube(name="Cube", **options):
    bpy.ops.mesh.primitive_cube_add(**options)
    bpy.context.active_object.name = name
    return bpy.context.active_object


def keys_of(target):
    """Return how many of our shape keys the object has."""
    key = target.data.shape_keys
    return sum(block.name.startswith("ActionMesh ") for block in key.key_blocks) if key else 0


def states():
    return [record.state for record in job_list.records(True)]
