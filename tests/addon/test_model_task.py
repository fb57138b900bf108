"""Models downloaded by a separate, real worker from a hub on loopback.

Covers progress, answers, refusals, kills and the token.
"""

import os
import threading

import pytest

from actionmesh.weights.public import RMBG
from blender_addon.jobs.model_task import ModelTask
from blender_addon.process import backend_locator
from blender_addon.process.backend_locator import protocol
from blender_addon.process.client import start_downloader
from tests.backend.hub_files import stored
from tests.backend.loopback_hub import COMMIT, LoopbackHub

from .workers import REAL_PYTHON, is_running, wait_until

RMBG_ID, RMBG_FILES = RMBG.hub_id, stored([RMBG], 100_000)


@pytest.fixture(autouse=True)
def settings(monkeypatch, tmp_path):
    """Settings that a careful user makes for all programs must not block a requested download."""
    for name in ("HF_TOKEN", "ACTIONMESH_CHECKPOINTS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HF_HUB_OFFLINE": "1", "NO_PROXY": "127.0.0.1", "HF_HOME": str(tmp_path / "home")}.items():
        monkeypatch.setenv(name, value)


def begin(monkeypatch, tmp_path, hub, token="", **fields):
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    request = protocol.Download(
        **{"sets": ("background",), "folder": str(tmp_path / "full"), "accepted": ("RMBG-1.4",), **fields}
    )
    return ModelTask(start_downloader(REAL_PYTHON, token, tmp_path / "logs"), request)


def finish(task):
    def over():
        task.poll()
        return task.over

    wait_until(over)
    return task


def test_a_download_tells_its_bytes_and_what_came(monkeypatch, tmp_path):
    with LoopbackHub(RMBG_FILES).running() as hub:
        task = finish(begin(monkeypatch, tmp_path, hub, token="hf_mine"))
        size = sum(len(RMBG_FILES[RMBG_ID][file.path]) for file in RMBG.files)
        assert task.error is None and task.answer == protocol.Downloaded(
            str(tmp_path / "full"), size, {"RMBG-1.4": COMMIT}
        )
        assert (task.progress.step, task.progress.total) == (size, size)
        assert set(hub.tokens) == {"Bearer hf_mine"} and os.environ["HF_HUB_OFFLINE"] == "1"
        removed = finish(
            ModelTask(start_downloader(REAL_PYTHON), protocol.RemoveModels(("background",), str(tmp_path / "full")))
        )
    assert removed.answer == protocol.Removed(size) and not (tmp_path / "full" / "RMBG-1.4").exists()


@pytest.mark.parametrize(
    ("fault", "fields", "kind", "words"),
    [
        (401, {}, protocol.Kind.CANNOT_DOWNLOAD, "only to users who are logged in"),
        (404, {}, protocol.Kind.CANNOT_DOWNLOAD, "does not know briaai/RMBG-1.4"),
        (None, {"accepted": ()}, protocol.Kind.BAD_INPUT, "licence of RMBG-1.4 was not accepted"),
        (None, {"sets": ("nonsense",)}, protocol.Kind.BAD_INPUT, "no set of models 'nonsense'"),
    ],
)
def test_a_refusal_is_an_error_of_its_kind(monkeypatch, tmp_path, fault, fields, kind, words):
    with LoopbackHub(RMBG_FILES, {RMBG_ID: fault} if fault else None).running() as hub:
        task = finish(begin(monkeypatch, tmp_path, hub, **fields))
    assert task.error.kind == kind and words in task.error.problem and task.error.cure


@pytest.mark.parametrize("how", ["cancel", "end"])
def test_it_ends_at_once_and_the_next_goes_on(monkeypatch, tmp_path, how):
    files = stored([RMBG], 2_000_000)
    with LoopbackHub(files, pace=0.02).running() as hub:
        task = begin(monkeypatch, tmp_path, hub)

        def moved():
            task.poll()
            return task.progress is not None and task.progress.step > 2_000_000

        wait_until(moved)
        pid = task._client.pid
        getattr(task, how)()
        wait_until(lambda: not is_running(pid), 10)
        assert task.cancelled is (how == "cancel") and task.error is None
        hub.pace = 0.0
        size = sum(len(files[RMBG_ID][file.path]) for file in RMBG.files)
        assert 0 < finish(begin(monkeypatch, tmp_path, hub)).answer.size < size - 1_000_000


def test_a_worker_that_is_killed_is_told(monkeypatch, tmp_path):
    with LoopbackHub(stored([RMBG], 2_000_000), pace=0.02).running() as hub:
        task = begin(monkeypatch, tmp_path, hub)
        threading.Timer(0.0, task._client._process.kill).start()
        finish(task)
    assert "stopped unexpectedly" in task.error.problem and "continues where it stopped" in task.error.cure


def test_checkpoints_lie_where_the_artist_says_or_with_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("ACTIONMESH_HOME", str(tmp_path))
    assert backend_locator.checkpoints_folder() == tmp_path / "checkpoints"
    monkeypatch.setenv("ACTIONMESH_CHECKPOINTS", str(tmp_path / "elsewhere"))
    assert backend_locator.checkpoints_folder() == tmp_path / "elsewhere"
    assert backend_locator.checkpoints_folder(str(tmp_path / "mine")) == tmp_path / "mine"
