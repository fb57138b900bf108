"""Install Backend in Blender: what is drawn, what is asked first, and that nothing waits.

The installer is a scripted fake.
"""

import json
import sys
import time

import bpy
import pytest

import blender_addon
from blender_addon.install import installer_process, places
from blender_addon.install.messages import Finished, Planned, Progress, Stage
from blender_addon.panels import animate, backend, setup_box
from blender_addon.process import backend_locator
from blender_addon.session import installation
from blender_addon.workflow import submission
from tests.bpy.addon import all_over, clip, keys_of, press, tick_until
from tests.bpy.layouts import drawn, drawn_by

OPS = bpy.ops.actionmesh
BUTTONS = {"actionmesh.animate_from_video", "actionmesh.animate_selected", "actionmesh.transfer_motion"}
FAKE = """
import json, sys, time
request = json.loads(sys.stdin.readline())
def tell(name, /, **fields):
    sys.stdout.write(json.dumps([name, fields]) + "\\n")
    sys.stdout.flush()
open(__file__ + ".json", "w").write(json.dumps(request))
tell("Progress", stage="preflight", text="Checking")
if request["action"] == "plan":
    tell("Planned", kind="the processor", download=418000000, installed=1400000000, folder="F", \
source="S", notes=["A note."])
elif HOW == "hang":
    tell("Progress", stage="download", text="1 of 4 MB", fraction=0.25, seconds_left=9.0)
    sys.stdin.read()
    tell("Failed", problem="The installation was cancelled.", cure="", cancelled=True)
elif HOW == "fail":
    tell("Failed", problem="The disk is full.", cure="Free some space.")
else:
    tell("Finished", python="/p", seconds=75.0, bytes=1)
"""


@pytest.fixture
def installer(addon, monkeypatch):
    """Let a test choose how the fake installer behaves; no Python of the backend is found."""
    monkeypatch.delenv("ACTIONMESH_PYTHON", raising=False)
    monkeypatch.setattr(backend_locator, "_environments", lambda: iter(()))

    def behave(how=""):
        path = addon / "installer.py"
        path.write_text(f"HOW = {how!r}\n{FAKE}")
        monkeypatch.setattr(installer_process, "MAIN", path)

    behave()
    return behave


def listen():
    """Do what the timer does until the installer is done."""
    while installation.is_running():
        installation.tick()


@pytest.fixture
def window(monkeypatch):
    """Make operators return at once, as in a Blender with a window."""
    monkeypatch.setattr("blender_addon.operators.install_backend.Installer._wait", lambda self: None)


def test_without_a_backend_the_button_is_where_the_others_would_be(installer):
    shown = set(drawn(animate.VIEW3D_PT_actionmesh_animate))
    assert "actionmesh.install_backend" in shown and not BUTTONS & shown


def test_with_a_backend_the_buttons_are_back(installer, monkeypatch):
    monkeypatch.setenv("ACTIONMESH_PYTHON", sys.executable)
    shown = set(drawn(animate.VIEW3D_PT_actionmesh_animate))
    assert BUTTONS <= shown and "actionmesh.install_backend" not in shown


@pytest.mark.fault("The panel Backend says that no backend is installed while one runs in the artist's own Python")
def test_backend_in_the_artists_own_python_is_not_called_missing(installer, monkeypatch):
    assert "is not installed yet" in " ".join(drawn(backend.VIEW3D_PT_actionmesh_backend))
    monkeypatch.setenv("ACTIONMESH_PYTHON", sys.executable)
    shown = drawn(backend.VIEW3D_PT_actionmesh_backend)
    assert "is not installed yet" not in " ".join(shown) and "A Python of your own" in " ".join(shown)
    assert "actionmesh.install_backend" in shown


@pytest.mark.fault("The panel Backend says that the artist's own Python runs the backend, though it no longer exists")
def test_own_python_that_is_gone_is_told_in_the_panel(installer):
    shown = drawn_by(lambda panel, context: setup_box.draw(panel.layout, context, "/gone/python"))
    assert "A Python of your own" not in " ".join(shown) and "/gone/python" in "".join(shown)
    assert "actionmesh.install_backend" in shown


def test_what_will_be_downloaded_is_said_first(installer, window):
    assert OPS.install_backend() == {"FINISHED"}
    listen()
    assert isinstance(installation.state.planned, Planned)
    text = " ".join(drawn(animate.VIEW3D_PT_actionmesh_animate))
    assert "418 MB from S" in text and "1.4 GB in F" in text and "A note." in text and "dismiss_install" in text
    OPS.dismiss_install()
    assert "418 MB" not in " ".join(drawn(animate.VIEW3D_PT_actionmesh_animate))


def test_script_must_agree(installer):
    with pytest.raises(RuntimeError, match="418 MB.*agreed=True"):
        OPS.install_backend()
    assert OPS.install_backend(agreed=True) == {"FINISHED"}
    assert installation.state.ended == Finished("/p", 75.0, 1)


def test_request_says_what_blender_allows_and_what_runs_it(installer, addon):
    OPS.install_backend(agreed=True)
    request = json.loads((addon / "installer.py.json").read_text())
    assert (request["action"], request["online"]) == ("install", bpy.app.online_access)
    assert request["blender_python"] == sys.executable
    assert request["kind"] == ""
    OPS.repair_backend()
    assert json.loads((addon / "installer.py.json").read_text())["action"] == "repair"


def test_progress_is_drawn_and_cancel_ends_it(installer, window):
    installer("hang")
    OPS.install_backend(agreed=True)
    while installation.state.progress.stage != "download":
        installation.tick()
    for panel in (animate.VIEW3D_PT_actionmesh_animate, backend.VIEW3D_PT_actionmesh_backend):
        shown = drawn(panel)
        assert (
            "4 of 7: Downloading" in shown
            and "1 of 4 MB, about 9 s left" in shown
            and "actionmesh.cancel_install" in shown
        )
    assert not OPS.install_backend.poll() and OPS.cancel_install() == {"FINISHED"}
    listen()
    assert installation.state.ended.cancelled
    text = " ".join(drawn(animate.VIEW3D_PT_actionmesh_animate))
    assert "The installation was cancelled." in text and "actionmesh.install_backend" in text


def test_failure_is_one_sentence_with_its_cure_and_the_report(installer):
    installer("fail")
    with pytest.raises(RuntimeError, match="The disk is full. Free some space."):
        OPS.install_backend(agreed=True)
    shown = drawn(animate.VIEW3D_PT_actionmesh_animate)
    assert {"The disk is full.", "Free some space.", "actionmesh.copy_report"} <= set(shown)


def test_installed_backend_is_shown_with_what_can_be_done(installer):
    folder = backend_locator.environments_folder() / "1a2b3c4d-py311"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    versions = {"python": "3.11.7", "torch": "2.13.0"}
    passed = places.Passed("cpu-linux-x64-py311.txt", "1a2b3c4d", "cpu", "/p", versions, 1_380_000_000)
    places.record_passed(folder, passed)
    installation.detach()
    shown = drawn(backend.VIEW3D_PT_actionmesh_backend)
    assert "Backend: Python 3.11.7, PyTorch 2.13.0, 1.4 GB" in " ".join(shown)
    assert {"actionmesh.repair_backend", "actionmesh.remove_backend", "actionmesh.install_backend"} <= set(shown), (
        "outdated"
    )
    OPS.copy_report()


def test_python_of_the_preferences_is_tested_at_once(installer):
    OPS.test_python()
    assert not installation.state.verdict.works and "found no Python" in installation.state.verdict.text
    installation.test(sys.executable)
    tick_until(lambda: installation.tick() is None)
    assert installation.state.verdict.python == sys.executable
    layout_text = []

    class Layout:
        def column(self, **_):
            return self

        def label(self, text="", **_):
            layout_text.append(text)

    setup_box.draw_verdict(Layout(), bpy.context)
    assert layout_text


def test_tick_never_waits(installer, window):
    installer("hang")
    OPS.install_backend(agreed=True)
    longest = 0.0
    for _ in range(100):
        start = time.perf_counter()
        installation.tick()
        longest = max(longest, time.perf_counter() - start)
        time.sleep(0.002)
    OPS.cancel_install()
    listen()
    assert longest < 0.1


def test_unregistering_ends_the_installer(installer, window):
    installer("hang")
    OPS.install_backend(agreed=True)
    process = installation._session._process
    blender_addon.unregister()
    assert process.wait(10) is not None and not installation.is_running()
    assert installation.state.progress is None
    blender_addon.register()


def test_stages_have_words():
    assert set(setup_box.WORDS) == set(Stage)
    assert setup_box._told(Progress(Stage.DOWNLOAD, "1 MB", None, 600.0)) == "1 MB, about 10 min left"


def test_try_it_without_a_backend_asks_to_install_it_and_then_plays_the_sample(installer, window, addon, monkeypatch):
    files_of = {"clip.mp4": clip(addon), "mesh.glb": backend_locator.sample_file("mesh.glb")}
    monkeypatch.setattr(submission, "sample_file", files_of.__getitem__)
    assert "actionmesh.try_it" in drawn(animate.VIEW3D_PT_actionmesh_animate)
    press(OPS.try_it)
    listen()
    text = " ".join(drawn(animate.VIEW3D_PT_actionmesh_animate))
    assert "418 MB from S" in text and setup_box.SAMPLE_WAITS in text and not bpy.data.objects
    OPS.install_backend(agreed=True)
    assert installation.state.progress
    assert setup_box.SAMPLE_WAITS in " ".join(drawn(animate.VIEW3D_PT_actionmesh_animate))
    monkeypatch.setenv("ACTIONMESH_PYTHON", sys.executable)  # as if the installer had made one
    listen()
    assert [item.name for item in bpy.data.objects] == ["Sample"] and not installation.state.sample_waits
    tick_until(all_over)
    assert keys_of(bpy.data.objects["Sample"]) == 5


def test_a_dismissed_installation_forgets_the_sample(installer, window, monkeypatch):
    press(OPS.try_it)
    listen()
    OPS.dismiss_install()
    assert setup_box.SAMPLE_WAITS not in " ".join(drawn(animate.VIEW3D_PT_actionmesh_animate))
    OPS.install_backend(agreed=True)
    monkeypatch.setenv("ACTIONMESH_PYTHON", sys.executable)
    listen()
    assert not bpy.data.objects
