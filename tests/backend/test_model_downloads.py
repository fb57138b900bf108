"""Model downloads from a hub on loopback: complete, interrupted, damaged, refused, on a full disk, slow and offline."""

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import namedtuple
from functools import partial
from pathlib import Path

import pytest
from huggingface_hub import close_session, constants

from actionmesh import cli, model_downloads
from actionmesh.errors import Cancelled, DownloadError, InputError, OutputError
from actionmesh.progress import Progress
from actionmesh.weights import fetch
from actionmesh.weights.download_record import read_record
from actionmesh.weights.presence import presence
from actionmesh.weights.public import RMBG, SETS, TRIPOSG

from ..full_disk import full_disk
from .hub_files import stored, weights
from .loopback_hub import COMMIT, LoopbackHub

ROOT = Path(__file__).resolve().parents[2]
RMBG_ID, BOTH = "briaai/RMBG-1.4", ("TripoSG", "ActionMesh")
BACKGROUND, ACTIONMESH = (SETS["background"],), (SETS["actionmesh"],)
Usage = namedtuple("Usage", "total used free")
ROOMY = Usage(10**12, 0, 10**12)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch, tmp_path):
    """Ignore the machine's settings: tests reach only the loopback, and neither the user's login nor folders."""
    for name in ("ACTIONMESH_CHECKPOINTS", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_ENDPOINT", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "home" / "token"))
    close_session()


RMBG_FILES = stored([RMBG], 100_000)


def download(hub, folder, sets=BACKGROUND, accepted=("RMBG-1.4",), progress=None, **options):
    planned = model_downloads.plan(sets, folder, endpoint=hub.url)
    options = {"disk_usage": lambda _: ROOMY, **options}
    return model_downloads.carry_out(planned, folder, accepted, progress or Progress(), endpoint=hub.url, **options)


def files_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def command(*arguments, **environment):
    settings = {**os.environ, "PYTHONPATH": str(ROOT / "backend"), **environment}
    return [sys.executable, "-m", "actionmesh", "download", *map(str, arguments)], settings


def run_command(*arguments, **environment):
    words, settings = command(*arguments, **environment)
    return subprocess.run(words, capture_output=True, text=True, env=settings, timeout=120, stdin=subprocess.DEVNULL)


# --- complete


def test_a_set_is_downloaded_checked_and_recorded(tmp_path):
    files, events = stored(SETS["actionmesh"].downloads), []
    with LoopbackHub(files).running() as hub:
        came = download(hub, tmp_path, ACTIONMESH, BOTH, Progress(events.append))
    wanted = {f"{each.name}/{file.path}" for each in SETS["actionmesh"].downloads for file in each.files}
    assert files_in(tmp_path) == wanted | {"TripoSG/actionmesh_download.json", "ActionMesh/actionmesh_download.json"}
    sizes = [len(files[each.hub_id][file.path]) for each in SETS["actionmesh"].downloads for file in each.files]
    assert came == sum(sizes) and (events[-1].step, events[-1].total) == (sum(sizes), sum(sizes))
    record = json.loads((tmp_path / "TripoSG" / "actionmesh_download.json").read_text())
    body = files[TRIPOSG.hub_id]["vae/diffusion_pytorch_model.safetensors"]
    facts = {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest(), "verified": True}
    assert record["files"]["vae/diffusion_pytorch_model.safetensors"] == facts
    assert record["files"]["vae/config.json"]["verified"]
    assert (record["revision"], record["licence"]) == (COMMIT, "MIT, its image encoder (DINOv2) Apache-2.0")
    assert all(f"/resolve/{COMMIT}/" in path for _, path in hub.asked if "/resolve/" in path)


def test_what_is_there_is_neither_asked_for_nor_touched(tmp_path):
    """An existing folder is used as it is, though the hub has other files by now."""
    place = tmp_path / "my rmbg"
    place.mkdir()
    for name in ("config.json", "model.safetensors"):
        (place / name).write_bytes(b"{}" if name == "config.json" else weights(3, seed=9))
    before = {path: path.read_bytes() for path in place.iterdir()}
    with LoopbackHub(RMBG_FILES).running() as hub:
        assert download(hub, tmp_path, accepted=()) == 0
    assert hub.asked == [] and {path: path.read_bytes() for path in place.iterdir()} == before


def test_of_a_folder_that_lacks_a_file_only_that_comes(tmp_path):
    place = tmp_path / "RMBG-1.4"
    place.mkdir()
    (place / "config.json").write_bytes(b'{"mine": 1}')
    with LoopbackHub(RMBG_FILES).running() as hub:
        download(hub, tmp_path)
    assert (place / "config.json").read_bytes() == b'{"mine": 1}'
    assert list(read_record(place).files) == ["model.safetensors"]


def test_a_file_without_a_checksum_is_recorded_as_not_verified(tmp_path, monkeypatch):
    with LoopbackHub(RMBG_FILES).running() as hub:
        plain = lambda repository, name: {"rfilename": name, "size": len(RMBG_FILES[repository][name])}  # noqa: E731
        monkeypatch.setattr(hub, "_sibling", plain)
        download(hub, tmp_path)
    record = read_record(tmp_path / "RMBG-1.4")
    body = RMBG_FILES[RMBG_ID]["model.safetensors"]
    assert not record.files["model.safetensors"].verified
    assert record.files["model.safetensors"].sha256 == hashlib.sha256(body).hexdigest()


# --- licences


@pytest.mark.parametrize("accepted", [(), ("ActionMesh",), ("RMBG",)])
def test_without_an_accepted_licence_no_byte_comes(tmp_path, accepted):
    with LoopbackHub(RMBG_FILES).running() as hub:
        with pytest.raises(
            InputError, match=r"RMBG-1.4 was not accepted \(non-commercial use only: no commercial use\)"
        ) as caught:
            download(hub, tmp_path, accepted=accepted)
    assert "--accept-licence RMBG-1.4" in caught.value.cure and RMBG.licence_link in caught.value.cure
    assert not any("/resolve/" in path for _, path in hub.asked) and not files_in(tmp_path)


@pytest.mark.parametrize("name", ["rmbg-1.4", "briaai/RMBG-1.4"])
def test_a_licence_is_accepted_by_either_name(tmp_path, name):
    with LoopbackHub(RMBG_FILES).running() as hub:
        assert download(hub, tmp_path, accepted=[name]) > 0


# --- interrupted


def test_a_killed_download_goes_on_where_it_was(tmp_path):
    """The process itself is killed, without a chance to tidy up."""
    files = stored([RMBG], 2_000_000)
    size = len(files[RMBG_ID]["model.safetensors"])
    with LoopbackHub(files, pace=0.02).running() as hub:
        words, settings = command("background", tmp_path, "--accept-licence", "RMBG-1.4", HF_ENDPOINT=hub.url)
        process = subprocess.Popen(words, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while not (parts := [part for part in tmp_path.rglob("*.part") if part.stat().st_size >= 1 << 21]):
            assert time.monotonic() < end and process.poll() is None
            time.sleep(0.01)
        process.kill()
        process.wait()
        left = parts[0].stat().st_size
        assert 0 < left < size and not (tmp_path / "RMBG-1.4" / "model.safetensors").exists()
        hub.pace, hub.delivered = 0.0, 0
        done = run_command("background", tmp_path, "--accept-licence", "RMBG-1.4", HF_ENDPOINT=hub.url)
    assert done.returncode == 0, done.stderr
    assert size - left <= hub.delivered < size - left + 200_000  # the first connection ends a block or two late
    assert (tmp_path / "RMBG-1.4" / "model.safetensors").read_bytes() == files[RMBG_ID]["model.safetensors"]
    assert f"{fetch_size(left)} of it already downloaded" in done.stdout
    assert f"Downloaded {fetch_size(size - left)} into" in done.stdout and not list(tmp_path.rglob("*.part"))


def fetch_size(count):
    return f"{max(1, round(count / 10**6))} MB"


def test_a_connection_that_breaks_is_taken_up_again(tmp_path):
    with LoopbackHub(RMBG_FILES, cut=100_000).running() as hub:
        download(hub, tmp_path)
    assert hub.cut is None
    assert (tmp_path / "RMBG-1.4" / "model.safetensors").read_bytes() == RMBG_FILES[RMBG_ID]["model.safetensors"]


def test_cancel_keeps_what_came(tmp_path):
    seen = []

    def report(event):
        seen.append(event.step)

    progress = Progress(report, lambda: bool(seen) and seen[-1] > 1_000_000)
    files = stored([RMBG], 1_000_000)
    with LoopbackHub(files).running() as hub:
        with pytest.raises(Cancelled):
            download(hub, tmp_path, progress=progress)
        assert files_in(tmp_path / "RMBG-1.4") >= {"config.json", "actionmesh_download.json"} and list(
            tmp_path.rglob("*.part")
        )
        assert not (tmp_path / "RMBG-1.4" / "model.safetensors").exists()
        size = sum(len(files[RMBG_ID][file.path]) for file in RMBG.files)
        assert 0 < download(hub, tmp_path) < size


@pytest.mark.parametrize("known", [True, False])
def test_an_interrupted_download_stays_at_its_revision_as_long_as_the_hub_knows_it(tmp_path, known):
    place = tmp_path / "RMBG-1.4"
    place.mkdir()
    old = "f" * 40
    (place / "actionmesh_download.json").write_text(json.dumps({
        "hub_id": RMBG_ID, "revision": old, "licence": "", "licence_link": "", "accepted": "", "files": {},
        "half_precision": False,
    }))  # fmt: skip
    with LoopbackHub(RMBG_FILES).running() as hub:
        hub.forgotten = set() if known else {old}
        download(hub, tmp_path)
    asked = [path for _, path in hub.asked if path.startswith("/api/models")]
    assert f"/revision/{old}" in asked[0] and len(asked) == (1 if known else 2)
    assert (tmp_path / "RMBG-1.4" / "model.safetensors").is_file()


# --- damaged


def test_a_wrong_checksum_is_refused_and_nothing_of_it_is_kept(tmp_path):
    name = "model.safetensors"
    wrong = weights(100_000, seed=5)
    with LoopbackHub(RMBG_FILES, sent={(RMBG_ID, name): wrong}).running() as hub:
        with pytest.raises(DownloadError, match="model.safetensors of briaai/RMBG-1.4 arrived damaged"):
            download(hub, tmp_path)
        assert not (tmp_path / "RMBG-1.4" / name).exists() and not list(tmp_path.rglob("*.part"))
        hub.sent.clear()
        download(hub, tmp_path)
    assert (tmp_path / "RMBG-1.4" / name).read_bytes() == RMBG_FILES[RMBG_ID][name]


def test_a_wrong_small_file_is_refused_too(tmp_path):
    with LoopbackHub(RMBG_FILES, sent={(RMBG_ID, "config.json"): b'{"sizes": 2}'}).running() as hub:
        with pytest.raises(DownloadError, match="config.json of briaai/RMBG-1.4 arrived damaged"):
            download(hub, tmp_path)


def test_a_damaged_part_is_downloaded_anew(tmp_path):
    """A power failure, for example, leaves zeros at the end of a file."""
    body = RMBG_FILES[RMBG_ID]["model.safetensors"]
    with LoopbackHub(RMBG_FILES).running() as hub:
        (planned,) = model_downloads.plan(BACKGROUND, tmp_path, hub.url)
        file = planned.resolved.files[1]
        part = fetch.part_of(tmp_path / "RMBG-1.4", file, COMMIT)
        part.parent.mkdir(parents=True)
        part.write_bytes(body[:5000] + bytes(5000))
        download(hub, tmp_path)
    assert (tmp_path / "RMBG-1.4" / "model.safetensors").read_bytes() == body


# --- refused


@pytest.mark.parametrize(
    ("fault", "problem", "cure"),
    [
        (401, "have accepted its terms (401)", "HF_TOKEN"),
        (403, "have accepted its terms (403)", "https://huggingface.co/briaai/RMBG-1.4"),
        (404, "does not know briaai/RMBG-1.4", "report"),
        (500, "failed for briaai/RMBG-1.4 (500)", "Try again later"),
        (b"<html>", "does not answer", "Check the network"),
        (b'{"id": "a/b", "siblings": []}', "does not list config.json", "https://huggingface.co/briaai/RMBG-1.4"),
    ],
)
def test_a_refusal_is_one_sentence_with_its_cure(tmp_path, fault, problem, cure):
    with LoopbackHub(RMBG_FILES, {RMBG_ID: fault}).running() as hub:
        with pytest.raises(DownloadError) as caught:
            download(hub, tmp_path)
    assert problem in caught.value.problem and cure in caught.value.cure
    assert not files_in(tmp_path)


def test_a_file_that_vanished_from_the_hub_is_named(tmp_path):
    with LoopbackHub(RMBG_FILES).running() as hub:
        planned = model_downloads.plan(BACKGROUND, tmp_path, hub.url)
        hub.files = {RMBG_ID: {"config.json": RMBG_FILES[RMBG_ID]["config.json"]}}
        with pytest.raises(DownloadError, match="does not know"):
            model_downloads.carry_out(planned, tmp_path, ["RMBG-1.4"], Progress(), lambda _: ROOMY, hub.url)


def test_a_hub_that_is_not_there_is_told(tmp_path):
    with pytest.raises(DownloadError, match="does not answer for briaai/RMBG-1.4"):
        model_downloads.plan(BACKGROUND, tmp_path, "http://127.0.0.1:1")


def test_the_token_of_the_environment_is_sent_to_the_hub(tmp_path):
    with LoopbackHub(RMBG_FILES).running() as hub:
        accept = ("background", tmp_path, "--accept-licence", "RMBG-1.4")
        done = run_command(*accept, HF_ENDPOINT=hub.url, HF_TOKEN="hf_secret")
    assert done.returncode == 0 and set(hub.tokens) == {"Bearer hf_secret"}
    assert "hf_secret" not in done.stdout + done.stderr


# --- the disk


def test_a_disk_without_room_is_told_before_the_first_byte(tmp_path):
    with LoopbackHub(RMBG_FILES).running() as hub:
        with pytest.raises(OutputError, match="MB more, and its disk has 0 MB free"):
            download(hub, tmp_path, disk_usage=lambda _: Usage(10**12, 0, 0))
    assert not any("/resolve/" in path for _, path in hub.asked)


def test_what_is_there_already_needs_no_room(tmp_path):
    with LoopbackHub(RMBG_FILES).running() as hub:
        (planned,) = model_downloads.plan(BACKGROUND, tmp_path, hub.url)
        body = RMBG_FILES[RMBG_ID]["model.safetensors"]
        part = fetch.part_of(tmp_path / "RMBG-1.4", planned.resolved.files[1], COMMIT)
        part.parent.mkdir(parents=True)
        part.write_bytes(body[:-100])
        needed = 100 + len(RMBG_FILES[RMBG_ID]["config.json"])
        with pytest.raises(OutputError):
            download(hub, tmp_path, disk_usage=lambda _: Usage(10**12, 0, needed - 1))
        assert download(hub, tmp_path, disk_usage=lambda _: Usage(10**12, 0, needed)) == needed


def test_a_disk_that_fills_up_on_the_way_is_told_and_gone_on_with(tmp_path):
    with LoopbackHub(RMBG_FILES).running() as hub:
        with full_disk(200_000):
            with pytest.raises(OutputError, match="The disk of .* is full") as caught:
                download(hub, tmp_path)
        assert "Free some room" in caught.value.cure and not (tmp_path / "RMBG-1.4" / "model.safetensors").exists()
        download(hub, tmp_path)
    assert (tmp_path / "RMBG-1.4" / "model.safetensors").read_bytes() == RMBG_FILES[RMBG_ID]["model.safetensors"]


def test_a_folder_that_may_not_be_written_is_named(tmp_path):
    error = OSError(errno.EACCES, "Permission denied")
    assert str(fetch.unwritable(tmp_path, error)).startswith(f"{tmp_path} cannot be written (Permission denied).")
    (tmp_path / "RMBG-1.4").write_bytes(b"a file")
    with LoopbackHub(RMBG_FILES).running() as hub:
        with pytest.raises(OutputError, match="RMBG-1.4 cannot be written"):
            download(hub, tmp_path)


def test_two_downloads_into_one_folder_do_not_meet(tmp_path):
    place = tmp_path / "RMBG-1.4"
    (place / ".actionmesh-download").mkdir(parents=True)
    with LoopbackHub(RMBG_FILES).running() as hub, fetch._alone(place):
        with pytest.raises(DownloadError, match="Another download into .* is running"):
            download(hub, tmp_path)


# --- slow, and offline


def test_a_slow_hub_shows_bytes_and_seconds_left_and_is_waited_for(tmp_path):
    events = []
    files = stored([RMBG], 1_000_000)
    with LoopbackHub(files, pace=0.01).running() as hub:
        download(hub, tmp_path, progress=Progress(events.append))
    steps = [event.step for event in events]
    assert len(steps) >= 4 and steps == sorted(steps) and steps[0] == 0
    assert all(event.seconds_left > 0 for event in events[2:-1]) and events[-1].seconds_left == 0


def test_offline_a_complete_folder_is_enough(tmp_path):
    """Neither an unreachable hub nor HF_HUB_OFFLINE matters if nothing is missing."""
    with LoopbackHub(RMBG_FILES).running() as hub:
        download(hub, tmp_path)
    done = run_command("background", tmp_path, HF_ENDPOINT="http://127.0.0.1:1", HF_HUB_OFFLINE="1")
    assert done.returncode == 0 and done.stderr == ""
    assert f"complete in {tmp_path / 'RMBG-1.4'}" in done.stdout and "nothing was downloaded" in done.stdout


@pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_the_command_lifts_the_ban_for_itself(tmp_path, name):
    with LoopbackHub(RMBG_FILES).running() as hub:
        settings = {"HF_ENDPOINT": hub.url, name: "1"}
        done = run_command("background", tmp_path, "--accept-licence", "RMBG-1.4", **settings)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "RMBG-1.4" / "model.safetensors").is_file()


def test_without_the_command_the_ban_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    close_session()
    with LoopbackHub(RMBG_FILES).running() as hub:
        with pytest.raises(DownloadError, match="HF_HUB_OFFLINE"):
            model_downloads.plan(BACKGROUND, tmp_path, hub.url)
    assert hub.asked == []


# --- the command


def test_the_command_shows_revision_size_and_licence_and_refuses_without_consent(tmp_path):
    with LoopbackHub(RMBG_FILES).running() as hub:
        done = run_command("background", tmp_path, HF_ENDPOINT=hub.url)
    assert done.returncode == 2 and done.stderr.startswith("actionmesh: The licence of RMBG-1.4 was not accepted")
    assert done.stderr.count("\n") == 1
    for line in (f"revision  {COMMIT}", "size      1 MB in 2 files", "commercial use: NO"):
        assert line in done.stdout
    assert not files_in(tmp_path)


def test_on_a_terminal_the_licence_is_asked(tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or "y")
    with LoopbackHub(RMBG_FILES).running() as hub:
        plan, carry_out = model_downloads.plan, model_downloads.carry_out
        monkeypatch.setattr(model_downloads, "plan", lambda sets, folder: plan(sets, folder, hub.url))
        monkeypatch.setattr(model_downloads, "carry_out", lambda *given: carry_out(*given, endpoint=hub.url))
        assert cli.main(["download", "background", str(tmp_path)]) == 0
    (question,) = asked
    assert (
        "RMBG-1.4" in question
        and "non-commercial use only; commercial use: NO" in question
        and RMBG.licence_link in question
    )
    assert "Downloaded" in capsys.readouterr().out


def test_sets_without_downloads_say_so(tmp_path, capsys):
    assert cli.main(["download", "bundled", str(tmp_path)]) == 0
    assert "Bundled: comes with ActionMesh" in capsys.readouterr().out


def test_two_folders_are_refused_and_the_sets_named(capsys):
    assert cli.main(["download", "actionmash", "weights/full"]) == 2
    assert "actionmash and weights/full are not sets" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_ends_the_command_and_keeps_what_came(tmp_path):
    files = stored([RMBG], 2_000_000)
    with LoopbackHub(files, pace=0.02).running() as hub:
        words, settings = command("background", tmp_path, "--accept-licence", "RMBG-1.4", HF_ENDPOINT=hub.url)
        heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell's background job would not hear it
        process = subprocess.Popen(
            words, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=heard
        )
        end = time.monotonic() + 60
        while not any(part.stat().st_size for part in tmp_path.rglob("model*.part")):
            assert time.monotonic() < end and process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130 and told.endswith("Cancelled.\n") and list(tmp_path.rglob("*.part"))


# --- removal


def test_what_was_downloaded_is_removed_and_its_size_told(tmp_path):
    with LoopbackHub(RMBG_FILES).running() as hub:
        download(hub, tmp_path)
    refused = run_command("--remove", "background", tmp_path)
    assert refused.returncode == 2 and "Nothing was deleted" in refused.stderr and "RMBG-1.4 in" in refused.stdout
    done = run_command("--remove", "background", tmp_path, "--yes")
    assert done.returncode == 0 and done.stdout.endswith("Freed 1 MB\n")
    assert not (tmp_path / "RMBG-1.4").exists()


def test_what_the_user_put_there_or_changed_stays(tmp_path):
    place = tmp_path / "RMBG-1.4"
    place.mkdir()
    (place / "config.json").write_bytes(b'{"mine": 1}')
    with LoopbackHub(RMBG_FILES).running() as hub:
        download(hub, tmp_path)
    (place / "notes.txt").write_text("mine")
    assert cli.main(["download", "--remove", "background", str(tmp_path), "--yes"]) == 0
    assert files_in(place) == {"config.json", "notes.txt"}
    assert cli.main(["download", "--remove", "background", str(tmp_path), "--yes"]) == 2


def test_a_file_that_was_changed_since_stays(tmp_path):
    with LoopbackHub(RMBG_FILES).running() as hub:
        download(hub, tmp_path)
    (tmp_path / "RMBG-1.4" / "model.safetensors").write_bytes(weights(5))
    (found,) = model_downloads.removables(BACKGROUND, tmp_path)
    assert [path.name for path in found.kept] == ["model.safetensors"] and found.bytes < 1000
    model_downloads.remove_all([found])
    assert (tmp_path / "RMBG-1.4" / "model.safetensors").read_bytes() == weights(5)


def test_a_record_cannot_name_files_outside_its_folder(tmp_path):
    with LoopbackHub(RMBG_FILES).running() as hub:
        download(hub, tmp_path)
    path = tmp_path / "RMBG-1.4" / "actionmesh_download.json"
    record = json.loads(path.read_text())
    record["files"]["../precious"] = record["files"]["config.json"]
    path.write_text(json.dumps(record))
    (tmp_path / "precious").write_bytes(RMBG_FILES[RMBG_ID]["config.json"])
    model_downloads.remove_all(model_downloads.removables(BACKGROUND, tmp_path))
    assert (tmp_path / "precious").exists()


def test_the_bundled_weights_cannot_be_removed(tmp_path, capsys):
    assert cli.main(["download", "--remove", "bundled", str(tmp_path), "--yes"]) == 2
    assert "comes with ActionMesh and cannot be removed" in capsys.readouterr().err


@pytest.mark.fault("A model that its authors split into several files cannot be downloaded")
def test_shards_come_before_the_index_that_names_them_and_go_with_it(tmp_path):
    model = SETS["wan-5b"].downloads[0]
    files = stored([model])
    whole = "transformer/diffusion_pytorch_model"
    parts = [f"{whole}-0000{number}-of-00002.safetensors" for number in (1, 2)]
    repository = files[model.hub_id]
    repository |= {part: repository[f"{whole}.safetensors"] for part in parts}
    repository |= {f"{whole}-00001-of-00002.fp16.safetensors": b"unwanted"}
    index = {"weight_map": {"a": Path(parts[0]).name, "b": Path(parts[1]).name}}
    repository[f"{whole}.safetensors.index.json"] = json.dumps(index).encode()
    del repository[f"{whole}.safetensors"]
    with LoopbackHub(files).running() as hub:
        download(hub, tmp_path, (SETS["wan-5b"],), (model.name,))
        asked = [path for _, path in hub.asked if "/resolve/" in path and whole in path]
        assert [Path(path).name for path in asked] == [Path(part).name for part in parts] + [
            "diffusion_pytorch_model.safetensors.index.json"
        ]
        assert presence(model, tmp_path).complete
        (tmp_path / model.name / parts[1]).unlink()
        assert [file.path for file in presence(model, tmp_path).lacking] == [f"{whole}.safetensors"]
        hub.asked.clear()
        download(hub, tmp_path, (SETS["wan-5b"],), (model.name,))
        assert len([path for _, path in hub.asked if "/resolve/" in path]) == 1, "only the missing shard"
    assert presence(model, tmp_path).complete
    model_downloads.remove_all(model_downloads.removables((SETS["wan-5b"],), tmp_path))
    assert not (tmp_path / model.name).exists()
