"""The installer's parts alone: what fits which computer, the meaning of words, and progress reports."""

import hashlib
import json
import os
import re
import sys
from pathlib import Path

import pytest

from blender_addon.errors import InstallError
from blender_addon.install import cards, computer, locks, messages, places, preflight, probe, report, steps
from blender_addon.install.computer import NO_BUILD, Computer, box_of, this_computer
from blender_addon.install.diagnosis import explain
from blender_addon.install.messages import Action, Failed, Planned, Progress, Request, Stage
from blender_addon.install.packages import Watch


@pytest.mark.parametrize(
    ("answer", "kinds"),
    [
        ("580.65.06, 8.9, NVIDIA GeForce RTX 4090\n", ("cuda130", "cuda126", "cpu")),
        ("581.15, 6.1, NVIDIA GeForce GTX 1080\n", ("cuda126", "cpu")),
        ("570.86.10, 9.0, NVIDIA H200\n580.1, 9.0, NVIDIA H200\n", ("cuda126", "cpu")),
        ("470.1, 8.6, NVIDIA RTX A4000\n", ("cpu",)),
        ("No devices were found\n", ("cpu",)),
        ("", ("cpu",)),
    ],
)
def test_kind_of_pytorch_follows_the_drivers_version(answer, kinds):
    advice = cards.advise("linux-x64", cards.read_card(answer))
    assert advice.kinds == kinds
    assert bool(advice.note) == ("470" in answer) and ("RTX A4000" in advice.note or not advice.note)


def test_card_is_not_asked_for_on_a_mac():
    assert cards.advise("macos-arm64", None).kinds == ("mps",)


@pytest.mark.parametrize(("platform", "owners"), [("windows-arm64", "Windows on ARM"), ("macos-x64", "Intel Macs")])
def test_platform_without_pytorch_is_told_with_a_way_out(platform, owners):
    with pytest.raises(InstallError) as caught:
        locks.fitting_locks(Computer(platform), ("cpu",))
    assert owners in caught.value.problem and caught.value.problem.count(".") == 1 and caught.value.cure
    assert caught.value is NO_BUILD[platform]


def test_locks_that_are_shipped_are_whole():
    listed = json.loads((locks.locks_folder() / "locks.json").read_text())
    assert {"cpu-linux-x64-py311", "cpu-windows-x64-py311", "mps-macos-arm64-py313", "cuda130-linux-x64-py311"} <= set(
        listed
    )
    for name, entry in listed.items():
        lines = (locks.locks_folder() / f"{name}.txt").read_text().splitlines()[1:]
        assert len(lines) == entry["packages"] and entry["download"] > 200_000_000
        assert all(re.fullmatch(r"[a-z0-9.-]+==\S+( --hash=sha256:[0-9a-f]{64})+", line) for line in lines)
        (torch,) = [line for line in lines if line.startswith("torch==")]
        assert torch.startswith("torch==2.13.0") and ("+cpu" in torch) == (entry["index"] == "cpu")
    assert not any(re.search("/work|://", path.read_text()) for path in locks.locks_folder().iterdir())


def pin_for(lock, pin):
    """Return a pin without its marker; None if the marker keeps it out of a lock's Python."""
    name, _, marker = pin.partition(";")
    if not marker:
        return name
    assert marker.strip() == 'python_version < "3.13"'
    return None if lock.endswith("py313") else name


def test_locks_have_what_the_requirements_pin():
    backend = locks.locks_folder().parent
    every_pin = [
        line for line in (backend / "requirements-cpu.txt").read_text().splitlines() if "==" in line and line[0] != "#"
    ]
    for path in locks.locks_folder().glob("*-py*.txt"):
        pins = [wanted for pin in every_pin if (wanted := pin_for(path.stem, pin))]
        names = {line.split(" ")[0].split("+")[0].replace("_", "-") for line in path.read_text().splitlines()[1:]}
        assert {pin.replace("_", "-") for pin in pins} <= names, path.name


@pytest.mark.parametrize("kind", ["cpu", "cuda130"])
def test_best_kind_that_has_a_lock_is_taken(kind):
    wanted = ("cuda130", "cuda126", "cpu") if kind == "cuda130" else ("cuda126", "cpu")
    found = locks.fitting_locks(Computer("linux-x64"), wanted)
    assert {lock.kind for lock in found} == {kind} and found[0].python == "3.11"
    assert re.fullmatch(r"[0-9a-f]{8}-py311", found[0].folder_name)


@pytest.mark.parametrize(
    ("variables", "executable", "box"),
    [
        ({"SNAP": "/snap/blender/5"}, "/snap/blender/5/4.5/python/bin/python3.11", "snap"),
        ({"SNAP": "/snap/code/1"}, "/opt/blender/python", ""),
        ({"FLATPAK_ID": "org.blender.Blender"}, "/app/blender/python", "flatpak"),
        ({}, r"C:\Program Files\WindowsApps\BlenderFoundation.Blender4.5\python.exe", "store"),
        ({}, "/usr/bin/python3", ""),
    ],
)
def test_what_blender_is_packed_in_is_seen(variables, executable, box):
    assert box_of(variables, executable) == box


def test_this_computer_is_one_of_the_known():
    assert this_computer().platform.split("-")[1] in {"x64", "arm64"}


@pytest.mark.parametrize(("build", "platform"), [("win-amd64", "windows-x64"), ("win-arm64", "windows-arm64")])
def test_x64_blender_on_an_arm_computer_counts_as_x64(monkeypatch, build, platform):
    monkeypatch.setattr(computer.sys, "platform", "win32")
    monkeypatch.setattr(computer.platform, "machine", lambda: "ARM64")
    monkeypatch.setattr(computer.sysconfig, "get_platform", lambda: build)
    monkeypatch.setattr(computer, "_has_long_paths", lambda: True)
    assert this_computer().platform == platform


@pytest.mark.parametrize(
    ("computer", "problem"),
    [
        (Computer("linux-x64", glibc=(2, 27)), "too old"),
        (Computer("macos-arm64", macos=(13, 6)), "macOS 13 is too old"),
    ],
)
def test_system_that_is_too_old_is_told(computer, problem):
    with pytest.raises(InstallError, match=problem):
        preflight.check_system(computer)
    preflight.check_system(Computer("linux-x64", glibc=(2, 28)))
    preflight.check_system(Computer("macos-arm64", macos=(14, 0)))


def test_length_counts_on_windows_alone():
    short, long = Path("C:/Users/anna/AppData/Local/ActionMesh/envs/1a2b3c4d-py311"), Path("C:/" + "x" * 80)
    preflight.check_length(Computer("windows-x64", long_paths=False), short)
    for free in (Computer("windows-x64"), Computer("linux-x64", long_paths=False)):
        preflight.check_length(free, long)
    with pytest.raises(InstallError, match="too long"):
        preflight.check_length(Computer("windows-x64", long_paths=False), long)


def test_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InstallError, match="cannot be written"):
        preflight.check_folder(tmp_path / "file" / "home")
    preflight.check_folder(tmp_path / "home")
    assert list((tmp_path / "home").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("error: failed to write: No space left on device (os error 28)", "The disk is full."),
        ("There is not enough space on the disk. (os error 112)", "The disk is full."),
        ("error: Failed to fetch: invalid peer certificate: UnknownIssuer", "certificate is not trusted"),
        ("error: Failed to fetch\n407 Proxy Authentication Required", "The proxy asks"),
        ("status code 401 Unauthorized", "refused access"),
        ("Hash mismatch for `torch`\n Expected: sha256:1 Computed: sha256:2", "not the one that was tested"),
        ("Failed to fetch: dns error: failed to lookup", "could not be reached"),
        ("Because torch was not found in the package registry and", "The package torch is not in"),
        ("failed to remove file: Access is denied. (os error 5)", "could not be written"),
        ("something\nnobody expected\n\n", "could not play: nobody expected"),
        ("", "could not play: it gave no reason"),
    ],
)
def test_words_become_one_sentence_and_a_cure(words, problem):
    found = explain(words, "play")
    assert problem in found.problem and found.cure.endswith((".", "stopped."))


def test_progress_counts_what_the_cache_lacks_and_tells_the_time():
    told, now, there = [], [0.0], [1_000]
    lock = locks.Lock(Path("x"), "cpu", "3.11", download=1_000_000, installed=3_000_000, index="")
    watch = Watch(lock, told.append, lambda: there[0], lambda: now[0])
    now[0], there[0] = 10.0, 1_000 + 750_000
    watch.look()
    assert told[-1].text == "0 of 1 MB" and told[-1].fraction == pytest.approx(0.25, rel=0.01)
    assert told[-1].seconds_left == pytest.approx(30, rel=0.02)
    there[0] = 99_000_000
    watch.look()
    assert told[-1].fraction == pytest.approx(0.99)
    watch.hear("Prepared 53 packages in 10.55s")
    assert told[-1].stage is Stage.INSTALL and not watch.downloads


def test_progress_of_a_resumed_download_counts_what_is_announced():
    told, there = [], [2_999_000]
    lock = locks.Lock(Path("x"), "cpu", "3.11", download=1_000_000, installed=3_000_000, index="")
    watch = Watch(lock, told.append, lambda: there[0], lambda: 0.0)
    watch.hear("Downloading torch (175.0MiB)")
    there[0] += 3 * (175 << 20) // 2
    watch.look()
    assert told[-1].text == "92 of 184 MB" and told[-1].seconds_left is None


def test_messages_come_back_as_they_were_and_rubbish_does_not():
    for message in (
        Progress(Stage.TRIAL, "x", 0.5, 3.0),
        Planned("cpu", 1, 2, "f", "s", ["n"]),
        Failed("a", "b", True),
    ):
        assert messages.decode(messages.encode(message)) == message
    for line in (b"", b"[]", b"Traceback", b'["Exit", {}]', b'["Failed", {"other": 1}]', b'["Failed", 1]', b"\xff"):
        assert messages.decode(line) is None
    request = Request(Action.REPAIR, True, "w", "i", "k", "p", "j")
    assert messages.decode_request(messages.encode_request(request)) == request


PROBED = {"python": "3.11.7", "missing": [], "versions": {"torch": "2.13.0"}, "cuda": False}


@pytest.mark.parametrize(
    ("told", "works", "text"),
    [
        (PROBED, True, "Python 3.11.7 with PyTorch 2.13.0"),
        (PROBED | {"python": "3.14.0"}, False, "is Python 3.14; the backend needs 3.11 to 3.13"),
        (PROBED | {"missing": ["av: no DLL", "cv2: x"]}, False, "lacks packages of the backend: av, cv2."),
    ],
)
def test_verdict_on_a_python_is_one_sentence(told, works, text):
    found = probe.judge(Path("/p"), f"warning\nPROBED {json.dumps(told)}\n")
    assert found.works == works and text in found.text
    assert not probe.judge(Path("/p"), "Segmentation fault").works


def test_python_is_tested_without_waiting(tmp_path):
    asked = probe.Probe(sys.executable)
    while (verdict := asked.poll()) is None:
        pass
    assert verdict.python == sys.executable and (verdict.works or "lacks" in verdict.text)
    assert "no Python is there" in probe.Probe(str(tmp_path)).poll().text


def test_report_has_the_system_and_the_last_50_lines(tmp_path, monkeypatch):
    monkeypatch.setenv("ACTIONMESH_HOME", str(tmp_path))
    assert "not installed" in report.write_report("4.5.0") and "nothing was installed" in report.write_report("4.5.0")
    log = tmp_path / "logs" / "install" / "1.log"
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"line {number} https://me:word@x/\n" for number in range(70)))
    text = report.write_report("4.5.0")
    assert "Blender: 4.5.0" in text and "line 20 " in text and "line 19 " not in text and "word@" not in text
    assert text.count("line ") == 50 and "ActionMesh: 0." in text


def test_files_with_several_names_count_once(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 1000)
    (tmp_path / "folder").mkdir()
    os.link(tmp_path / "a", tmp_path / "folder" / "b")
    assert places.size_on_disk(tmp_path) == places.size_on_disk(tmp_path / "folder", tmp_path) == 1000
    assert places.size_on_disk(tmp_path / "nothing") == 0


def test_hash_of_the_lock_names_the_environment(tmp_path):
    path = tmp_path / "cpu-linux-x64-py311.txt"
    path.write_text("a==1\n")
    lock = locks.Lock(path, "cpu", "3.11", 1, 1, "")
    assert lock.folder_name == hashlib.sha256(b"a==1\n").hexdigest()[:8] + "-py311"


@pytest.mark.parametrize(("wanted", "kind"), [("", "cuda130"), ("cpu", "cpu"), ("mps", "cuda130")])
def test_processor_can_be_chosen_where_there_is_a_card(tmp_path, monkeypatch, wanted, kind):
    monkeypatch.setenv("ACTIONMESH_HOME", str(tmp_path))
    monkeypatch.setattr(steps, "this_computer", lambda: Computer("linux-x64"))
    monkeypatch.setattr(cards, "find_card", lambda: cards.Card(580, 9.0, "NVIDIA H200"))
    monkeypatch.setattr(preflight, "check", lambda *_: None)
    planned = steps.run(Request(Action.PLAN, kind=wanted), None, lambda _: None)
    assert planned.kind == locks.KINDS[kind]
