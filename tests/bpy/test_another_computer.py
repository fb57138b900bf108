"""A backend on another computer, from the preferences to the mesh, through a real ssh server on the loopback address.

The worker there makes waves.
"""

import time
from pathlib import Path

import bpy
import pytest

from blender_addon.errors import ArtistError
from blender_addon.panels import backend, setup_box
from blender_addon.process.another_computer import AnotherComputer
from blender_addon.session import choices as choices_module
from blender_addon.session import connection_test, installation, model_sets
from blender_addon.session.choices import Choices
from blender_addon.session.runner import runner
from tests.backend.loopback_sshd import HOST, Server, needs_sshd, package_with_worker, program
from tests.bpy.addon import all_over, clip, keys_of, press, selected_cube, tick_until
from tests.bpy.layouts import Layout, drawn

pytestmark = needs_sshd
OPS = bpy.ops.actionmesh
WAVING_WORKER = Path(__file__).with_name("waving_worker.py")
USERS = ("session.choices", "session.runner", "session.bone_search", "session.model_sets", "session.installation")
USERS += ("panels.setup_box", "panels.backend", "operators.backend_control", "workflow.submission")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("ssh"))
    yield server
    server.end()


@pytest.fixture(scope="module")
def waving(server):
    package = package_with_worker(server.folder / "fake", WAVING_WORKER)
    return program(server.folder / "fake-bin", package)


@pytest.fixture
def choose(addon, server, monkeypatch):
    """Let a test name the computer in the preferences, which the module `bpy` has none of."""
    monkeypatch.setenv("PATH", server.path())

    def name(host, backend, **more):
        chosen = Choices(computer=AnotherComputer(host, 0, backend, **more))
        for module in USERS:
            monkeypatch.setattr(f"blender_addon.{module}.choices", lambda: chosen)

    yield name
    connection_test.end()


def test_a_job_of_another_computer_moves_the_mesh(choose, waving, addon):
    choose(HOST, waving)
    target = selected_cube()
    bpy.context.scene.actionmesh.clip = clip(addon)
    press(OPS.animate_selected)
    longest = tick_until(all_over, 60)
    assert keys_of(target) and longest < 1
    assert f"Ready on {HOST}" in drawn(backend.VIEW3D_PT_actionmesh_backend)
    choose("elsewhere", waving)
    assert f"Ready on {HOST}" in drawn(backend.VIEW3D_PT_actionmesh_backend)
    runner.use_other_backend()
    assert "Stopped on elsewhere" in drawn(backend.VIEW3D_PT_actionmesh_backend)


def test_a_computer_that_cannot_be_reached_is_told_with_its_cure(choose, waving, addon):
    choose("closed", waving)
    selected_cube()
    bpy.context.scene.actionmesh.clip = clip(addon)
    with pytest.raises(RuntimeError, match="closed refused the connection. Check the port"):
        OPS.animate_selected()
    assert runner.state.problem.fix == "actionmesh.open_preferences"


def test_the_connection_is_tested(choose, waving):
    choose(HOST, waving)
    assert OPS.test_connection() == {"FINISHED"}
    assert connection_test.verdict.works and connection_test.verdict.text.startswith(f"{HOST} works:")
    choose("closed", waving)
    assert OPS.test_connection() == {"CANCELLED"}
    assert "closed refused the connection" in connection_test.verdict.text


def test_the_test_never_waits(choose, waving, monkeypatch):
    choose(HOST, waving)
    begin = time.perf_counter()
    connection_test.begin(choices_module.choices().computer)
    longest = time.perf_counter() - begin
    while connection_test.is_running():
        begin = time.perf_counter()
        connection_test.tick()
        longest = max(longest, time.perf_counter() - begin)
        time.sleep(0.02)
    assert longest < 1 and connection_test.verdict.works


def test_nothing_needs_to_be_installed_here(choose, waving, monkeypatch):
    choose(HOST, waving)
    assert not installation.is_missing("")
    assert not setup_box.draw_if_needed(Layout([]), bpy.context, "")
    texts = drawn(backend.VIEW3D_PT_actionmesh_backend)
    assert f"Stopped on {HOST}" in texts
    assert "actionmesh.test_connection" in texts and "actionmesh.install_backend" not in texts


def test_models_are_not_downloaded_to_this_computer(choose, waving, monkeypatch):
    choose(HOST, waving)
    monkeypatch.setattr(model_sets, "check_online", lambda: None)
    with pytest.raises(ArtistError, match="are downloaded on that computer"):
        model_sets.remove(model_sets.MAIN)
    assert not model_sets.is_complete(model_sets.MAIN)


def test_without_another_computer_there_is_nothing_to_test(addon):
    assert not OPS.test_connection.poll()


def test_the_preferences_name_the_computer(addon):
    kept = bpy.context.preferences.addons.new()
    kept.module = choices_module.ADDON
    mine = kept.preferences
    try:
        assert choices_module.choices().computer is None
        mine.host, mine.host_port, mine.host_backend, mine.host_minutes = " me@box ", 2222, "~/clone", 3
        computer = choices_module.choices().computer
        assert computer == AnotherComputer("me@box", 2222, "~/clone", 3)
        assert computer.words() == ["--host=me@box", "--port=2222", "--host-backend=~/clone", "--host-minutes=3.0"]
        assert {"host", "host_port", "host_backend", "host_minutes"} <= set(shown(mine))
        mine.host = ""
        assert choices_module.choices().computer is None and "host_port" not in shown(mine)
    finally:
        bpy.context.preferences.addons.remove(kept)


def shown(preferences):
    """Return what the preferences draw."""

    class Panel:
        layout = Layout([])

        def __getattr__(self, name):
            return getattr(preferences, name)

    type(preferences).draw(Panel(), bpy.context)
    return Panel.layout.drawn
