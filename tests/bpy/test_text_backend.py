"""The source "Text" with the real backend and a tiny video model, in one Blender without a window."""

import json
import os
import subprocess
from pathlib import Path

import bpy
import pytest

import blender_addon
from blender_addon.jobs.record import State
from blender_addon.process.backend_locator import protocol
from blender_addon.session import job_list, panel_state
from blender_addon.workflow import animated_object, text_clip
from tests.bpy.addon import keys_of

pytestmark = pytest.mark.skipif(
    not os.environ.get("ACTIONMESH_PYTHON"), reason="ACTIONMESH_PYTHON names no Python of the backend"
)
ROOT = Path(__file__).resolve().parents[2]
PROMPT = "狐が跳ぶ: a fox jumps"
SAVE = "import sys; from tests.backend.tiny_video_models import save_wan; save_wan(sys.argv[1])"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Register the add-on with a folder of its own, in which a tiny video model is installed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "backend")))}
    weights = tmp_path / "weights"
    command = [os.environ["ACTIONMESH_PYTHON"], "-c", SAVE, str(weights / "Wan2.1-T2V-1.3B-Diffusers")]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    monkeypatch.setenv("ACTIONMESH_HOME", str(tmp_path))
    monkeypatch.setenv("ACTIONMESH_CHECKPOINTS", str(weights))
    blender_addon.register()
    yield
    blender_addon.unregister()


def test_a_text_becomes_an_object(home, monkeypatch):
    wish_of = text_clip.wish_of
    small = {"clip_frames": 9, "clip_side": 96, "clip_steps": 2}
    monkeypatch.setattr(text_clip, "wish_of", lambda settings: wish_of(settings) | small)
    settings = bpy.context.scene.actionmesh
    settings.source, settings.prompt, settings.frame_count = "TEXT", PROMPT, 4
    settings.preset = protocol.PresetName.DEMO
    assert bpy.ops.actionmesh.animate_from_video() == {"FINISHED"}, panel_state.state.problem
    record = job_list.records(True)[0]
    assert record.state is State.WRITTEN and (record.folder / "clip.mp4").is_file()
    assert json.loads((record.folder / "job.json").read_text())["request"]["prompt"] == PROMPT
    assert keys_of(bpy.context.view_layer.objects.active) == 4
    assert any(PROMPT in note for note in record.result["fit"]["notes"])
    assert ("Text", PROMPT) in animated_object.facts(bpy.context.view_layer.objects.active)
