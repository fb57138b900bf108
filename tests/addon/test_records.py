"""Job folders, their records and locks, the history, and what is removed to make room."""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from blender_addon.errors import BackendMissing, FolderError
from blender_addon.jobs import folder as folder_module
from blender_addon.jobs import lock as lock_module
from blender_addon.jobs import record as record_module
from blender_addon.jobs.folder import job_folders, jobs_root, new_job_folder, size_of, write_whole
from blender_addon.jobs.lock import Lock, is_held
from blender_addon.jobs.past_jobs import history, limit, remove
from blender_addon.jobs.record import JobError, Purpose, State, new_record, read_record
from blender_addon.process import backend_locator
from blender_addon.process.backend_locator import protocol

from . import earlier_record
from .workers import job, needs_posix

ROOT = Path(__file__).resolve().parents[2]


def ended(root, state=State.WRITTEN, size=1000, **facts):
    """Return a finished job with a result of `size` bytes."""
    record = job(root, **facts)
    record.state = state
    record.save()
    record.result_path.write_bytes(bytes(size))
    record.release()
    return record


def test_record_comes_back_from_its_folder_as_it_was(tmp_path):
    request = protocol.Animate("walk ü.mp4", (), mesh="target.ply", frames=protocol.FrameChoice(2, 16, 3), seed=2**62)
    facts = {"purpose": Purpose.KEYS, "blend_file": "file", "writing": {"facing": "NEG_Y", "fps": 24.0}}
    record = new_record(tmp_path, request, title="Walk", **facts)
    record.error = JobError("out_of_memory", "Too large.", "Use less.", "the log")
    record.timings, record.result = {"Total": 1.5}, {"poses": 16}
    record.save()
    again = read_record(record.folder)
    assert again == record and again.state is State.WAITING and again.request.seed == 2**62
    assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{6}", record.id)


def test_paths_in_a_request_are_meant_from_the_folder(tmp_path):
    request = protocol.Animate(
        "frames", (), mask="/masks/*.png", mesh="target.ply", known=(protocol.KnownShape(1, "other.ply"),)
    )
    record = new_record(tmp_path / "jobs ü", request)
    asked = record.resolved()
    assert (
        asked.clip == str(record.frames_path) and asked.mesh == str(record.target_path) and asked.mask == "/masks/*.png"
    )
    assert asked.known[0].mesh == str(record.folder / "other.ply") and asked.out == (str(record.result_path),)
    assert replace(asked, clip="", mask=None, mesh=None, known=(), out=()) == protocol.Animate("", ())


@needs_posix
def test_folders_are_private(tmp_path):
    old = os.umask(0)
    try:
        path = new_job_folder(tmp_path / "new" / "jobs")
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o700 and path.parent.stat().st_mode & 0o777 == 0o700


def test_two_jobs_of_one_second_have_two_folders(tmp_path):
    assert len({new_job_folder(tmp_path) for _ in range(20)}) == 20 == len(job_folders(tmp_path))


def test_root_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match="file") as caught:
        job(tmp_path / "file" / "jobs")
    assert caught.value.cure and "\n" not in str(caught.value)


def test_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "job.json"
    write_whole(path, b"old")

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder_module.os, "replace", full)
    with pytest.raises(FolderError, match="No space left"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_file_that_somebody_reads_is_replaced_as_soon_as_it_can_be(tmp_path, monkeypatch):
    path, real, refusals = tmp_path / "file", os.replace, [PermissionError(13, "in use")] * 2

    def sometimes(*paths):
        if refusals:
            raise refusals.pop()
        real(*paths)

    monkeypatch.setattr(folder_module.os, "replace", sometimes)
    write_whole(path, b"new")
    assert path.read_bytes() == b"new" and not refusals
    refusals += [PermissionError(13, "in use")] * 100
    with pytest.raises(FolderError, match="in use"):
        write_whole(path, b"newer")
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "7",
        "{",
        "[" * 100_000,
        '{"title": "no request"}',
        '{"request": {"clip": "a"}}',
        '{"request": {"clip": "a", "out": [], "colour": 1}}',
        '{"request": {"clip": "a", "out": []}, "state": "flying"}',
        '{"request": {"clip": "a", "out": []}, "title": 7}',
        '{"request": {"clip": "a", "out": []}, "error": {"problem": "no kind"}}',
        '{"request": {"clip": "a", "out": []}, "created": "today"}',
        '{"request": {"clip": "a", "out": []}, "created": NaN}',
        '{"request": {"clip": "a", "out": []}, "created": 1e400}',
        '{"request": {"clip": "a", "out": []}, "created": 1' + "0" * 400 + "}",
    ],
)
def test_broken_records_are_left_out(tmp_path, text):
    good, bad = ended(tmp_path), ended(tmp_path)
    (bad.folder / "job.json").write_text(text)
    new_job_folder(tmp_path)
    assert [record.id for record in history(tmp_path)] == [good.id]


def test_record_of_another_version_is_read_as_far_as_it_is_known(tmp_path):
    record = ended(tmp_path)
    plain = json.loads((record.folder / "job.json").read_text())
    del plain["timings"], plain["blend_file"]
    (record.folder / "job.json").write_text(json.dumps(plain | {"colour": "red"}))
    assert read_record(record.folder).title == "quick"


@pytest.mark.parametrize(("kept", "pose"), [(True, "corrected"), (False, "decoded"), (None, None)])
def test_record_of_protocol_2_is_read_in_todays_words(tmp_path, kept, pose):
    folder = earlier_record.written(tmp_path, {"keep_reference_pose": kept}, {"keep_reference_pose": kept is not False})
    (record,) = history(tmp_path, "a82de77f-d520-468c-b08b-f53facc473a8")
    assert record.request == protocol.Animate(
        "/clips/wave", ("result.safetensors",), mesh="target.ply", frames=protocol.FrameChoice(spread=16),
        preset="demo", seed=7,
        reference_pose=pose, match="off", facing="+Z", shape="network",
    )  # fmt: skip
    assert pose is None or isinstance(record.request.reference_pose, protocol.ReferencePose)
    assert set(record.writing) == {"scene", "start", "mode", "name", "size", "location", "smooth", "facing", "target"}
    assert (record.title, record.state, record.purpose) == ("wave to Cube", State.WRITTEN, Purpose.KEYS)
    record.save()
    assert read_record(folder) == record and "keep_reference_pose" not in (folder / "job.json").read_text()


@pytest.mark.parametrize("kept", ["yes", 7, [True], {}])
def test_record_of_protocol_2_that_makes_no_sense_is_left_out(tmp_path, kept):
    earlier_record.written(tmp_path, {"keep_reference_pose": kept})
    assert history(tmp_path) == []


def test_what_was_chosen_about_the_mesh_that_is_made_is_part_of_the_record(tmp_path):
    request = protocol.Animate(
        "walk", (), image_steps=40, max_faces=9000, smallest_part=0.0, reference_pose=protocol.ReferencePose.PUBLISHED
    )
    record = new_record(tmp_path, request)
    record.save()
    again = read_record(record.folder).resolved()
    assert (again.image_steps, again.max_faces, again.smallest_part) == (40, 9000, 0.0)
    assert again.reference_pose is protocol.ReferencePose.PUBLISHED


def test_a_job_that_matches_again_keeps_what_it_asks_and_what_its_motion_was_made_of(tmp_path):
    rematch = protocol.Rematch("/jobs/first/result.safetensors", (), mask="masks", match="track", facing="-X")
    record = new_record(tmp_path, protocol.Animate("walk", (), seed=3), rematch, title="Walk")
    record.save()
    again = read_record(record.folder)
    assert again == record and again.request.seed == 3 and again.rematch.match is protocol.Match.TRACK
    asked = again.asked()
    assert isinstance(asked, protocol.Rematch) and asked.out == (str(record.result_path),) and asked.clip is None
    assert (asked.result, asked.mask) == ("/jobs/first/result.safetensors", str(record.folder / "masks"))
    assert again.resolved().clip == str(record.folder / "walk")


def test_a_job_that_makes_a_motion_asks_for_it(tmp_path):
    record = new_record(tmp_path, protocol.Animate("walk", ()))
    record.save()
    assert json.loads((record.folder / "job.json").read_text())["rematch"] is None
    assert read_record(record.folder).asked() == record.resolved() and isinstance(record.asked(), protocol.Animate)


@pytest.mark.parametrize("rematch", [7, {}, {"result": "r"}, {"result": "r", "out": [], "seed": 1}])
def test_a_record_whose_rematch_makes_no_sense_is_left_out(tmp_path, rematch):
    record = ended(tmp_path)
    plain = json.loads((record.folder / "job.json").read_text())
    (record.folder / "job.json").write_text(json.dumps(plain | {"rematch": rematch}))
    assert history(tmp_path) == []


def test_history_is_newest_first_and_of_one_file(tmp_path):
    folders = []
    for number, file in enumerate("abab"):
        record = ended(tmp_path, blend_file=file)
        folders.append(record.folder.rename(tmp_path / f"2026010{number + 1}T000000Z-00000{9 - number}"))
    assert [record.folder for record in history(tmp_path)] == folders[::-1]
    assert [record.folder for record in history(tmp_path, "a")] == [folders[2], folders[0]]
    assert history(tmp_path / "none") == [] and history(tmp_path, "c") == []


BLENDER = """
import sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from blender_addon.process.backend_locator import protocol
from blender_addon.jobs.record import State, new_record
for state in sys.argv[3:]:
    record = new_record(Path(sys.argv[2]), protocol.Animate("clip", ()), title=state)
    record.state = State(state)
    record.save()
    globals()[state] = record
print("ready", flush=True)
time.sleep(60)
"""


@needs_posix
def test_jobs_of_a_killed_blender_are_interrupted_and_those_of_a_living_one_are_not(tmp_path):
    states = ["waiting", "preparing", "running", "finished"]
    command = [sys.executable, "-c", BLENDER, str(ROOT), str(tmp_path), *states]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as blender:
        blender.stdout.readline()
        assert {record.title: record.state for record in history(tmp_path)} == {state: state for state in states}
        assert not any(remove(record) for record in history(tmp_path))
        assert limit(tmp_path, 0) == []
        blender.send_signal(signal.SIGKILL)
    found = {record.title: record for record in history(tmp_path)}
    assert {title: record.state for title, record in found.items()} == {
        "waiting": State.INTERRUPTED,
        "preparing": State.INTERRUPTED,
        "running": State.INTERRUPTED,
        "finished": State.FINISHED,
    }
    found["running"].result_path.write_text("whole, as the backend writes it")
    assert read_record(found["running"].folder).state is State.FINISHED


KEPT_BY_A_CHILD = """
import os, subprocess, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from blender_addon.process.backend_locator import protocol
from blender_addon.jobs.record import State, new_record
record = new_record(Path(sys.argv[2]), protocol.Animate("clip", ()))
record.state = State.RUNNING
record.save()
number = record.lock._file.fileno()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], pass_fds=[number])
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
@pytest.mark.fault("after Blender was killed, History says for a long time that its job is running")
def test_jobs_of_a_killed_blender_are_interrupted_at_once_though_a_child_keeps_their_lock(tmp_path):
    command = [sys.executable, "-c", KEPT_BY_A_CHILD, str(ROOT), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as blender:
        child = int(blender.stdout.readline())
        try:
            assert [record.state for record in history(tmp_path)] == [State.RUNNING]
            blender.send_signal(signal.SIGKILL)
            blender.wait()
            assert [record.state for record in history(tmp_path)] == [State.INTERRUPTED]
        finally:
            os.kill(child, signal.SIGKILL)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
@pytest.mark.fault("where the disk has no locks, a job of a Blender that is gone runs forever in History")
def test_owner_that_is_gone_is_found_where_there_are_no_locks(tmp_path, monkeypatch):
    def no_locks(_file):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(lock_module, "_try_lock", no_locks)
    lock = Lock(tmp_path / "lock")
    assert is_held(tmp_path / "lock"), "this process lives"
    told = json.loads((tmp_path / "lock").read_bytes())
    for change in ({"start": "1"}, {"pid": 2**22 + 1}, {"boot": "an earlier start"}):
        (tmp_path / "lock").write_bytes(b"\n" + json.dumps(told | change).encode())
        assert not is_held(tmp_path / "lock"), change
    for change in ({"machine": "another"}, {"namespace": "a sandbox"}, {"pid": "x"}, {"start": ""}):
        (tmp_path / "lock").write_bytes(b"\n" + json.dumps(told | change).encode())
        assert is_held(tmp_path / "lock"), change
    for text in (b"", b"\n[1]", b"\n" + b"[" * 5000, b"\xff" * 50):
        (tmp_path / "lock").write_bytes(text)
        assert is_held(tmp_path / "lock"), text[:9]
    lock.release()
    (tmp_path / "lock").write_bytes(b"\n" + json.dumps(told | {"start": "1"}).encode())
    lock = Lock(tmp_path / "lock")
    assert is_held(tmp_path / "lock"), "what the last owner left is gone"
    lock.release()


def test_job_that_ends_while_it_is_read_is_not_interrupted(tmp_path, monkeypatch):
    record = job(tmp_path)
    record.state = State.RUNNING
    record.save()

    def ends_now(path):
        record.state = State.CANCELLED
        record.save()
        record.release()
        return is_held(path)

    monkeypatch.setattr(record_module, "is_held", ends_now)
    assert read_record(record.folder).state is State.CANCELLED


def test_folder_that_cannot_be_locked_is_not_left(tmp_path, monkeypatch):
    def full(_path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(record_module, "Lock", full)
    with pytest.raises(FolderError, match="No space left"):
        job(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_asking_for_a_lock_leaves_no_file(tmp_path):
    over = ended(tmp_path)
    before = sorted(path.name for path in over.folder.iterdir())
    assert not is_held(over.folder / "job.lock") and sorted(path.name for path in over.folder.iterdir()) == before


def test_lock_is_held_once_and_given_back(tmp_path):
    path = tmp_path / "lock"
    assert not is_held(path)
    lock = Lock(path)
    assert is_held(path) and path.exists()
    with pytest.raises(OSError):
        Lock(path)
    lock.release()
    lock.release()
    assert not is_held(path) and not path.exists()


def test_limit_removes_the_oldest_that_are_over_and_no_others(tmp_path):
    states = [State.FINISHED, State.WRITTEN, State.FAILED, State.CANCELLED, State.WRITTEN, State.WRITTEN]
    folders = []
    for number, state in enumerate(states):
        record = ended(tmp_path, state, size=100_000)
        folders.append(record.folder.rename(tmp_path / f"2026010{number + 1}T000000Z-000000"))
    waiting = job(tmp_path)
    waiting.save()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(bytes(10**6))
    if os.name == "posix":
        (tmp_path / "20250101T000000Z-000000").symlink_to(tmp_path / "photos")
    new = new_job_folder(tmp_path)
    assert limit(tmp_path, 10**7) == []
    assert limit(tmp_path, 350_000) == [path.name for path in folders[1:4]]
    assert [path.exists() for path in folders] == [True, False, False, False, True, True]
    limit(tmp_path, 0)
    assert new.exists()
    assert [record.state for record in history(tmp_path)] == [State.WAITING, State.FINISHED]
    assert size_of(tmp_path / "photos") == 10**6


def test_remove_deletes_what_is_over(tmp_path):
    over, live = ended(tmp_path), job(tmp_path)
    live.save()
    assert remove(over) and not over.folder.exists()
    assert not remove(live) and live.folder.exists()
    live.release()
    assert remove(live)


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {}, "~/.local/share/actionmesh"),
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/actionmesh"),
        ("darwin", {}, "~/Library/Application Support/ActionMesh"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/ActionMesh"),
        ("linux", {"ACTIONMESH_HOME": "/short"}, "/short"),
    ],
)
def test_user_folder_is_the_platforms(monkeypatch, platform, variables, folder):
    for name in ("ACTIONMESH_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(backend_locator.sys, "platform", platform)
    assert backend_locator.user_folder() == Path(folder).expanduser()
    assert jobs_root() == Path(folder).expanduser() / "jobs" and jobs_root("~/mine") == Path.home() / "mine"


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Set up a machine without a Python for the backend; return a function that makes one in a new environment."""
    monkeypatch.setenv("ACTIONMESH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ACTIONMESH_PYTHON", raising=False)
    monkeypatch.setattr(backend_locator, "backend_folder", lambda: tmp_path / "repository" / "backend")

    def environment(name):
        python = tmp_path / name / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        python.parent.mkdir(parents=True)
        python.write_text("")
        return python

    return environment


def test_python_is_looked_for_in_order(places, tmp_path, monkeypatch):
    with pytest.raises(BackendMissing) as caught:
        backend_locator.find_python()
    assert "preferences" in caught.value.cure
    own = places("home/env")
    assert backend_locator.find_python() == own
    beside = places("repository/.venv")
    assert backend_locator.find_python() == beside
    named = places("other")
    monkeypatch.setenv("ACTIONMESH_PYTHON", str(named))
    assert backend_locator.find_python() == named
    chosen = places("chosen")
    assert backend_locator.find_python(str(chosen)) == chosen
    assert backend_locator.find_python(str(tmp_path / "chosen")) == chosen


def test_python_that_was_named_and_is_not_there_is_told(places, tmp_path, monkeypatch):
    places("home/env")
    with pytest.raises(BackendMissing, match="The preferences name"):
        backend_locator.find_python(str(tmp_path / "nothing"))
    monkeypatch.setenv("ACTIONMESH_PYTHON", str(tmp_path))
    with pytest.raises(BackendMissing, match="ACTIONMESH_PYTHON names"):
        backend_locator.find_python()


def test_home_of_nobody_is_told_and_not_guessed(places, tmp_path):
    with pytest.raises(BackendMissing, match="~nobody-of-this-name"):
        backend_locator.find_python("~nobody-of-this-name/python")
    assert jobs_root("~nobody-of-this-name").name == "~nobody-of-this-name"


def test_backend_is_found_inside_the_add_on_or_beside_it(tmp_path, monkeypatch):
    assert backend_locator.worker_file().is_file()
    monkeypatch.setattr(backend_locator, "HERE", tmp_path / "blender_addon")
    with pytest.raises(BackendMissing, match="folder backend is missing"):
        backend_locator.backend_folder()
    for place in (tmp_path / "backend", tmp_path / "blender_addon" / "backend"):
        (place / "actionmesh" / "protocol").mkdir(parents=True)
        assert backend_locator.backend_folder() == place
