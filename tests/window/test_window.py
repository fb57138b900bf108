"""The built zip in a real Blender with its window: installed, clicked through, looked at.

BLENDER is the command of a Blender, and ACTIONMESH_PYTHON the backend's Python. The pictures are kept in
ACTIONMESH_PICTURES, if set.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from blender_addon.install.computer import this_computer

ROOT = Path(__file__).resolve().parents[2]
CLIP = ROOT / "backend" / "actionmesh" / "checkpoints" / "toy" / "demo" / "clip.mp4"
BLENDER = shlex.split(os.environ.get("BLENDER", ""))
PICTURES = {"fresh", "tried", "look", "pointing", "strip", "progress", "result", "asked", "baked", "refused"}
LONGEST_TICK = 0.1
"""Seconds that the add-on may block Blender, and between two ticks, except for the write at the end."""

pytestmark = [
    pytest.mark.skipif(not BLENDER, reason="BLENDER names no Blender"),
    pytest.mark.skipif(
        not os.environ.get("ACTIONMESH_PYTHON"), reason="ACTIONMESH_PYTHON names no Python of the backend"
    ),
]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Return what `drive.py` recorded, after the zip was built and installed as an artist does."""
    folder = tmp_path_factory.mktemp("window")
    environment = os.environ | {"BLENDER_USER_RESOURCES": str(folder / "user"), "ACTIONMESH_HOME": str(folder / "home")}
    subprocess.run([sys.executable, str(ROOT / "build.py"), "package"], check=True, cwd=ROOT)
    (archive,) = (ROOT / "dist").glob(f"actionmesh-*-{this_computer().platform.replace('-', '_')}.zip")
    install = [*BLENDER, "--command", "extension", "install-file", "--repo", "user_default", str(archive)]
    subprocess.run(install, check=True, env=environment, cwd=ROOT)
    script = str(ROOT / "tests" / "window" / "drive.py")
    drive = ["--enable-event-simulate", "--window-geometry", "0", "0", "1600", "900", "--python", script]
    arguments = ["--", str(folder), str(CLIP), "bl_ext.user_default.actionmesh"]
    subprocess.run([*BLENDER, *drive, *arguments], env=environment, cwd=ROOT, timeout=600)
    if kept := os.environ.get("ACTIONMESH_PICTURES"):
        for picture in folder.glob("*.png"):
            shutil.copy(picture, kept)
    answer = json.loads((folder / "told.json").read_text())
    return answer | {"pictures": {path.stem: path.read_bytes() for path in folder.glob("*.png")}}


def test_the_story_went_to_its_end(told):
    assert told["error"] is None, told["error"]


def test_every_button_did_what_it_says(told):
    assert told["keys"] == told["cube_keys"] == 8
    assert told["baked"] == ["clip (baked)"]
    assert "being edited" in told["refused"]


def test_new_object_is_selected(told):
    assert told["selected"] == ["clip"]


@pytest.mark.fault("Escape anywhere over the viewport, as to close F3, kills a running job without a word")
def test_escape_cancels_over_our_tab_alone_and_asks(told):
    assert told["after_escape_over_the_scene"] == told["while_asked"] == "running"
    assert told["after_escape"] == told["end_told"] == "cancelled"


def test_the_sample_plays_and_results_are_in_view(told):
    assert told["playing"] and told["sample_in_view"] and told["new_object_in_view"]


def test_the_subject_is_pointed_at_in_a_window_of_its_own_and_tracked(told):
    assert told["windows_while_pointing"] == 2 and told["picked"] == ["POINT", "NOT_POINT", "BOX"]
    assert (told["kept_after_ESC"], told["kept_after_RET"]) == (0, 3)
    assert len(told["strip"]) == 6 and told["images_left"] == []


def test_edits_of_the_motion_run_beside_the_window_and_escape_takes_them_back(told):
    assert told["edit_was_modal"] and not told["edits"].pop("escape")
    assert told["edits"] == dict.fromkeys(told["edits"], True) and len(told["edits"]) == 5


def usually_longest(gaps):
    """Return the 95th percentile of the gaps: other programs may delay this one now and then."""
    return sorted(gaps)[int(0.95 * (len(gaps) - 1))]


def test_blender_is_never_kept_waiting(told):
    """Ticks are as far apart as a viewport takes to draw; without one, they are rarely far apart during a job."""
    assert 0 < told["longest_tick"] < LONGEST_TICK
    gaps = told["gaps_without_viewport"]
    assert len(gaps) > 20 and usually_longest(gaps) < LONGEST_TICK
    print(f"longest gaps between ticks: {max(gaps)} s, {max(told['gaps_with_viewport'])} s with a viewport to draw")


def test_blender_is_free_while_an_object_is_rendered(told):
    assert {"Measuring Source", "Rendering Source"} <= set(told["stages"]), "another Blender was to render"
    gaps = told["gaps_while_an_object_is_rendered"]
    assert len(gaps) > 20 and usually_longest(gaps) < LONGEST_TICK
    print(f"longest gap between ticks: {max(gaps)} s; the copy to render was written in {told['copy_seconds']} s")


def test_pictures_of_every_step_differ(told):
    assert set(told["pictures"]) == PICTURES
    assert len(set(told["pictures"].values())) == len(PICTURES)
