"""Models in Blender: what is shown and asked, what is refused, and real downloads from a hub on loopback."""

import os
import time
from types import SimpleNamespace

import bpy
import pytest

from blender_addon.operators.model_downloads import ACCEPTS, ACTIONMESH_OT_download_models
from blender_addon.panels import animate
from blender_addon.panels.models import VIEW3D_PT_actionmesh_models
from blender_addon.process.backend_locator import public
from blender_addon.process.client import start_downloader
from blender_addon.session import model_sets
from blender_addon.session.runner import runner
from tests.backend.hub_files import stored
from tests.backend.loopback_hub import LoopbackHub
from tests.bpy.layouts import Layout, drawn

OPS = bpy.ops.actionmesh
PYTHON = os.environ.get("ACTIONMESH_PYTHON", "")
needs_backend = pytest.mark.skipif(not PYTHON, reason="ACTIONMESH_PYTHON names no Python of the backend")
RMBG = public.DOWNLOADS[2]


@pytest.fixture
def online(addon, monkeypatch):
    """Allow Blender the network; return the folder of models, still empty."""
    monkeypatch.delenv("ACTIONMESH_CHECKPOINTS", raising=False)
    monkeypatch.setattr(model_sets, "is_online", lambda: True)
    monkeypatch.setattr(
        model_sets, "start_downloader", lambda python, token: start_downloader(PYTHON, token, addon / "logs")
    )
    return addon / "home" / "checkpoints" / "full"


@pytest.fixture
def serve(monkeypatch, tmp_path):
    """Start a hub that the backend's processes use."""

    def start(files, **options):
        hub = LoopbackHub(files, **options)
        settings = {
            "HF_ENDPOINT": hub.url,
            "NO_PROXY": "127.0.0.1",
            "HF_HOME": str(tmp_path / "hub"),
            "HF_HUB_OFFLINE": "1",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        return hub.running()

    return start


def fill(folder, downloads):
    for each in downloads:
        for path, body in stored([each])[each.hub_id].items():
            (folder / each.name / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / each.name / path).write_bytes(body)


def test_every_model_has_its_consent(addon):
    names = {each.name for found in public.SETS.values() for each in found.downloads}
    assert set(ACCEPTS) == names
    properties = OPS.download_models.get_rna_type().properties
    assert all(not properties[accepts].default for accepts in ACCEPTS.values())


class Alerts(Layout):
    """Also records which labels are red."""

    def __init__(self, drawn):
        super().__init__(drawn)
        self.red, self.alert = [], False

    def row(self, **_looks):
        self.alert = False
        return self

    box = column = row

    def label(self, text="", **looks):
        super().label(text, **looks)
        if self.alert:
            self.red.append(text)

    def prop(self, owner, name, **_looks):
        self.drawn.append(name)


def test_the_dialog_shows_sizes_and_licences_and_research_only_in_red(online):
    layout = Alerts([])
    asked = SimpleNamespace(layout=layout, models="actionmesh")
    asked._draw_model = lambda each: ACTIONMESH_OT_download_models._draw_model(asked, each)
    ACTIONMESH_OT_download_models.draw(asked, bpy.context)
    assert layout.red == ["non-commercial research only: no commercial use"]
    assert "TripoSG: about 8.0 GB (estimate)" in layout.drawn and "accept_triposg" in layout.drawn
    assert f"Into {online}" in layout.drawn and layout.drawn[-1] == "half"


def test_nothing_is_downloaded_while_blender_is_offline(addon, monkeypatch):
    monkeypatch.setattr(model_sets, "is_online", lambda: False)
    monkeypatch.setattr(model_sets, "start_downloader", lambda *_: pytest.fail("a process was started"))
    with pytest.raises(RuntimeError, match="System > Network > Allow Online Access"):
        OPS.download_models(models="background", accept_rmbg=True)
    assert runner.state.problem.fix == "screen.userpref_show"


def test_nothing_is_downloaded_without_consent(online, monkeypatch):
    monkeypatch.setattr(model_sets, "start_downloader", lambda *_: pytest.fail("a process was started"))
    with pytest.raises(RuntimeError, match="licence of ActionMesh was not accepted"):
        OPS.download_models(models="actionmesh", accept_triposg=True)


def test_a_preset_that_wants_models_says_so_and_demo_never(online):
    settings = bpy.context.scene.actionmesh
    assert settings.preset == "demo" and model_sets.hint(settings) == ""
    settings.preset = "quality"
    sentence = "Quality works best with the ActionMesh models (about 14.6 GB). Demo needs only the bundled ones."
    assert model_sets.hint(settings) == sentence
    fill(online, public.SETS["actionmesh"].downloads)
    model_sets._seen.clear()
    assert model_sets.hint(settings) == ""


def test_the_hint_has_a_button(online, monkeypatch):
    monkeypatch.setattr(model_sets, "hint", lambda settings: "Something is missing")
    assert "actionmesh.download_models" in drawn(animate.VIEW3D_PT_actionmesh_quality)


def test_an_existing_folder_is_used_as_it_is(online, monkeypatch, tmp_path):
    own = tmp_path / "own"
    fill(own, public.SETS["actionmesh"].downloads)
    monkeypatch.setenv("ACTIONMESH_CHECKPOINTS", str(own))
    assert (
        model_sets.folder() == own and model_sets.is_complete("actionmesh") and not model_sets.is_complete("background")
    )
    (own / "TripoSG" / "vae" / "config.json").unlink()
    model_sets._seen.clear()
    assert not model_sets.is_complete("actionmesh")


def test_the_panel_lists_every_set(online):
    shown = drawn(VIEW3D_PT_actionmesh_models)
    assert shown[0] == "Bundled: comes with the add-on" and "Subject Selection: 156 MB" in shown
    assert "ActionMesh: 14.6 GB" in shown and shown.count("actionmesh.download_models") == 8


@needs_backend
def test_a_script_downloads_and_removes(online, serve):
    with serve(stored([RMBG])) as hub:
        assert OPS.download_models(models="background", accept_rmbg=True) == {"FINISHED"}
        assert model_sets.is_complete("background") and model_sets.outcome().endswith("RMBG-1.4 at 1a2b3c4")
        assert any("/resolve/" in path for _, path in hub.asked)
    assert OPS.remove_models(models="background") == {"FINISHED"}
    assert not model_sets.is_complete("background") and not (online / "RMBG-1.4").exists()


@needs_backend
def test_a_button_returns_at_once_shows_bytes_and_is_cancelled_without_loss(online, serve):
    with serve(stored([RMBG], 2_000_000), pace=0.02):
        start = time.perf_counter()
        OPS.download_models(models="background", accept_rmbg=True, queued=True)
        assert time.perf_counter() - start < 1.0 and not OPS.download_models.poll()
        longest, end = 0.0, time.monotonic() + 60
        while (told := model_sets.running().progress) is None or told.step < 2_000_000:
            assert time.monotonic() < end
            start = time.perf_counter()
            model_sets.tick()
            longest = max(longest, time.perf_counter() - start)
            time.sleep(0.01)
        shown = drawn(VIEW3D_PT_actionmesh_models)
        assert any(text.startswith("Downloading: ") and text.endswith(" of 8 MB") for text in shown)
        assert any(text.endswith(" s left") for text in shown) and longest < 0.25
        OPS.cancel_download()
        assert model_sets.running() is None and not model_sets.is_complete("background")
        assert model_sets.size_on_disk("background") > 1_000_000


@needs_backend
def test_a_refusal_is_shown_and_what_was_downloaded_is_chosen(online, serve):
    with serve(stored([RMBG]), fault={RMBG.hub_id: 401}):
        with pytest.raises(RuntimeError, match="only to users who are logged in"):
            OPS.download_models(models="background", accept_rmbg=True)
    assert "HF_TOKEN" in runner.state.problem.cure
    with serve(stored(public.SETS["actionmesh"].downloads)):
        OPS.download_models(models="actionmesh", accept_triposg=True, accept_actionmesh=True)
    assert bpy.context.scene.actionmesh.checkpoint == "full" and model_sets.is_complete("actionmesh")


@needs_backend
def test_unregistering_ends_a_download(online, serve):
    import blender_addon

    with serve(stored([RMBG], 2_000_000), pace=0.02):
        OPS.download_models(models="background", accept_rmbg=True, queued=True)
        process = model_sets.running()._client._process
        blender_addon.unregister()
        process.wait(10)
        blender_addon.register()
    assert model_sets.running() is None
