"""Tampered files in the add-on's folder: skipped or reported in one sentence, and never waited for."""

import json
import os
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blender_addon import reading
from blender_addon.conversion import ledger
from blender_addon.errors import ArtistError, MotionError
from blender_addon.install import places as install_places
from blender_addon.jobs.lock import is_held
from blender_addon.jobs.past_jobs import damaged, history, limit, remove
from blender_addon.jobs.record import JobError, Purpose, State, new_record, read_record
from blender_addon.motion.result_file import load_motion
from blender_addon.process import backend_locator
from blender_addon.process.backend_locator import protocol
from tests.addon.workers import needs_posix
from tests.tampering import tampered

WORDS = [b"-1", b"1e999", b"NaN", b"9" * 30, b"null", b"true", b"[", b"{}", b'"', b"\\ud800", b"\0", b"\xff"]
"""What fuzzing puts into a job.json."""
TRACEBACK = pytest.mark.fault("a job.json that was tampered with ends in a traceback in a panel")
ENDLESS = pytest.mark.fault("a pipe in the place of a job's file keeps Blender waiting for ever")


def whole_record(root):
    writing = {
        "scene": "Scene",
        "start": 1.0,
        "location": [0.0, 0.0, 0.0],
        "size": 2.0,
        "target": {"name": "Cube", "vertices": 8},
    }
    record = new_record(
        root, protocol.Animate("walk.mp4", ()), title="Walk", purpose=Purpose.KEYS, blend_file="f", writing=writing
    )
    record.error = JobError("internal", "It failed.", "Try again.", "the log")
    record.state, record.timings = State.FAILED, {"Total": 1.5}
    record.result = {"poses": 16, "plan": "6", "retried_for_memory": True}
    record.save()
    record.release()
    return record


@TRACEBACK
def test_a_record_is_read_whole_or_left_out(tmp_path):
    record = whole_record(tmp_path)
    plain, left_out = json.loads((record.folder / "job.json").read_bytes()), 0
    for path, value, changed in [*tampered(plain)][::3]:
        (record.folder / "job.json").write_text(json.dumps(changed))
        found = read_record(record.folder)
        left_out += found is None
        if found is not None:
            told = (
                found.title,
                found.blend_file,
                str(found.result.get("plan", "")),
                found.error.problem if found.error else "",
            )
            assert max(map(len, told)) <= 10_000 and 0 <= found.created < 2**32, (path, value)
            json.dumps(found.as_json(), allow_nan=False)
    assert left_out > 100
    (record.folder / "job.json").write_text("{")
    assert history(tmp_path) == [] and damaged(tmp_path, []) == 1


@pytest.mark.fault("a job.json with a few spoilt bytes ends in a traceback when History is drawn")
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_spoilt_record_is_read_whole_or_left_out(spoilt_record, drawn):
    folder, whole = spoilt_record
    spoilt = bytearray(whole)
    for _ in range(drawn.draw(st.integers(1, 3))):
        start = drawn.draw(st.integers(0, len(spoilt)))
        end = start + drawn.draw(st.sampled_from([0, 1, 2, 9]))
        spoilt[start:end] = drawn.draw(st.sampled_from(WORDS) | st.binary(max_size=4))
    (folder / "job.json").write_bytes(spoilt)
    found = history(folder.parent)
    assert len(found) + damaged(folder.parent, found) == 1
    for record in found:
        json.dumps(record.as_json(), allow_nan=False)


@pytest.fixture
def spoilt_record(tmp_path):
    """Return the folder of a record, and the bytes of its job.json."""
    folder = whole_record(tmp_path).folder
    return folder, (folder / "job.json").read_bytes()


@needs_posix
@ENDLESS
@pytest.mark.parametrize("name", ["job.json", "job.lock", "result.safetensors"])
def test_pipes_are_not_waited_for(tmp_path, name):
    record = whole_record(tmp_path)
    (record.folder / name).unlink(missing_ok=True)
    os.mkfifo(record.folder / name)
    for found in history(tmp_path):
        assert not found.has_result
    with pytest.raises(MotionError, match="does not exist"):
        load_motion(record.result_path)
    assert not is_held(record.folder / "job.lock")
    limit(tmp_path, 0)
    assert remove(record) and not record.folder.exists()


@needs_posix
@ENDLESS
def test_the_file_that_names_the_environment_may_be_anything(tmp_path, monkeypatch):
    monkeypatch.setenv("ACTIONMESH_HOME", str(tmp_path))
    current = tmp_path / "envs" / "current.json"
    current.parent.mkdir()
    os.mkfifo(current)
    assert backend_locator.installed_environment() is None
    current.unlink()
    (tmp_path / "passed.json").write_text("{}")
    deep = "[" * 100_000
    for text in (
        deep,
        "[]",
        '{"folder": 7}',
        '{"folder": ".."}',
        '{"folder": "../.."}',
        '{"folder": ["a"]}',
        "\xff",
        '"x"',
    ):
        current.write_text(text, encoding="latin-1")
        assert backend_locator.installed_environment() is None, text[:20]


@pytest.mark.fault("a damaged file beside an installed backend makes it unusable with a traceback")
def test_what_is_known_of_an_environment_is_whole_or_nothing(tmp_path):
    passed = install_places.Passed("cpu-linux-x64-py311", "abc", "cpu", "/usr/bin/python3", {"torch": "2"}, 100)
    plain = {name: getattr(passed, name) for name in ("lock", "digest", "kind", "base", "versions", "size")}
    (tmp_path / "passed.json").write_text(json.dumps(plain))
    assert install_places.read_passed(tmp_path) == passed
    for _path, _value, changed in tampered(plain):
        (tmp_path / "passed.json").write_text(json.dumps(changed))
        found = install_places.read_passed(tmp_path)
        assert found is None or (
            isinstance(found.lock, str) and isinstance(found.size, int) and isinstance(found.versions, dict)
        )


@pytest.mark.fault("a damaged list in a data set's folder ends the tool with a traceback")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dataset.json", "{"), ("dataset.json", "[1]"), ("dataset.json", "[" * 100_000), ("dataset.json", "\0"),
        ("failures.csv", "a,b\n1,2\n"), ("clips.csv", "file,clip\nx,y\n"),
        ("clips.csv", "file\n" + "x" * 200_000 + "\n"),
    ],
)  # fmt: skip
def test_a_damaged_data_set_is_told_in_one_sentence(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(ArtistError, match=f"{name} is damaged") as caught:
        ledger.begin(tmp_path, {"size": 64}, {})
        ledger.crashes(tmp_path)
        ledger.read_clips(tmp_path)
    assert caught.value.cure and "\n" not in str(caught.value)


DEEP = ("[" * 41 + "]" * 41, '{"a":' * 50 + "1" + "}" * 50)


@pytest.mark.parametrize("text", ['{"a": NaN}', "[Infinity]", "[1e999]", *DEEP, "", "7 7"])
def test_json_that_is_not_plain_is_refused(text):
    with pytest.raises(ValueError):
        reading.parse_json(text)


def test_files_that_are_too_large_are_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"1" * 100)
    assert reading.read_bytes(tmp_path / "a", 100) == b"1" * 100
    with pytest.raises(ValueError, match="more than 99 bytes"):
        reading.read_bytes(tmp_path / "a", 99)
    with pytest.raises(OSError):
        reading.read_bytes(tmp_path)


def test_a_record_that_was_changed_in_good_faith_is_read(tmp_path):
    record = whole_record(tmp_path)
    record.request = replace(record.request, seed=9)
    record.save()
    assert read_record(record.folder) == replace(record, lock=None)
