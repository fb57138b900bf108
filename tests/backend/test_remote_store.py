"""The other computer's copies of files: each once, whole, continued where it stopped, and not kept for ever."""

import hashlib
import os
import time

import pytest

from actionmesh.remote.store import DAY, Store, digests, within
from tests.full_disk import full_disk

DATA = bytes(range(256)) * 100
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def put(store, data=DATA, sha=SHA, at=0):
    return store.put(sha, at, data[at:], len(DATA))


def test_a_file_is_whole_under_its_hash(store, tmp_path):
    assert store.held(SHA, len(DATA)) == 0
    assert put(store) == len(DATA) == store.held(SHA, len(DATA))
    assert (tmp_path / "files" / SHA).read_bytes() == DATA
    assert [path.name for path in (tmp_path / "files").iterdir()] == [SHA]


def test_a_file_goes_on_where_it_stopped_in_another_session(store, tmp_path):
    assert store.put(SHA, 0, DATA[:1000], len(DATA)) == 1000
    store.close()
    again = Store(tmp_path)
    assert again.held(SHA, len(DATA)) == 1000
    assert again.put(SHA, 5000, DATA[5000:], len(DATA)) == 1000, "a piece behind a gap is not taken"
    assert again.put(SHA, 1000, DATA[1000:], len(DATA)) == len(DATA)


@pytest.mark.fault("The beginning of a file on another computer is damaged.")
def test_a_file_that_is_not_what_its_hash_says_is_dropped(store, tmp_path):
    (tmp_path / "files" / f"{SHA}.part").write_bytes(b"x" * 1000)
    assert store.held(SHA, len(DATA)) == 1000
    assert put(store, at=1000) == 0
    assert not (tmp_path / "files" / SHA).exists()
    assert put(store) == len(DATA)


@pytest.mark.fault("The disk of another computer is full when a file is sent to it.")
def test_what_fits_on_a_full_disk_stays_and_sending_goes_on_behind_it(store):
    with full_disk(1000), pytest.raises(OSError):
        put(store)
    assert store.held(SHA, len(DATA)) == 1000
    store.close()
    assert put(store, at=1000) == len(DATA)


def test_two_sessions_send_one_file_at_once(store, tmp_path):
    other = Store(tmp_path)
    store.put(SHA, 0, DATA[:1000], len(DATA))
    assert other.held(SHA, len(DATA)) == 0
    other.put(SHA, 0, DATA[:2000], len(DATA))
    assert put(store, at=1000) == len(DATA)
    assert put(other, at=2000) == len(DATA)
    assert (tmp_path / "files" / SHA).read_bytes() == DATA


@pytest.mark.fault("A clip of a thousand pictures is sent to another computer, which may open fewer files at once.")
def test_no_file_is_held_open_that_nobody_sends(store):
    before = len(os.listdir("/proc/self/fd"))
    assert [store.held(f"{number:064x}", 10) for number in range(50)] == [0] * 50
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.fault("Two names of a job differ in case only, on a computer that takes them for one.")
def test_a_name_that_exists_does_not_change_the_file_it_links_to(store, tmp_path):
    put(store)
    other = b"other"
    sha = hashlib.sha256(other).hexdigest()
    store.put(sha, 0, other, len(other))
    with pytest.raises(FileExistsError):
        store.place("job-1", [(SHA, "skin.png"), (sha, "skin.png")], [])
    assert (tmp_path / "files" / SHA).read_bytes() == DATA


def test_a_job_sees_files_under_its_own_names(store):
    put(store)
    folder = store.place("job-1", [(SHA, "clip/walk 1.mp4"), (SHA, "mesh/maps/skin.png")], ["out/0"])
    assert (folder / "clip/walk 1.mp4").read_bytes() == (folder / "mesh/maps/skin.png").read_bytes() == DATA
    assert (folder / "out/0").is_dir()
    store.drop("job-1")
    assert not folder.exists() and store.held(SHA, len(DATA)) == len(DATA)


@pytest.mark.fault("A client names files outside the folder of its job on another computer.")
@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "", "a/../../x", "a\\b", "a\0b"])
def test_no_path_leads_out_of_a_job(store, name):
    put(store)
    with pytest.raises(ValueError):
        store.place("job", [(SHA, name)], [])
    with pytest.raises(ValueError):
        within(name)


@pytest.mark.parametrize("sha", ["../../x", "", "a/b", "é" * 64, "a" * 200])
def test_a_hash_is_no_path(store, sha):
    with pytest.raises(ValueError):
        store.held(sha, 1)
    with pytest.raises(ValueError):
        store.drop(sha)


def test_what_is_not_used_is_removed(store, tmp_path, monkeypatch):
    put(store)
    store.place("job", [(SHA, "clip/a")], [])
    now = time.time()
    store.sweep(now + 6 * DAY)
    assert store.held(SHA, len(DATA)) and (tmp_path / "jobs" / "job").exists()
    store.sweep(now + 8 * DAY)
    assert store.held(SHA, len(DATA)) and not (tmp_path / "jobs" / "job").exists()
    os.utime(tmp_path / "files" / SHA, (1, 1))
    assert store.held(SHA, len(DATA)), "asking for a file is using it"
    store.sweep(time.time() + 29 * DAY)
    assert (tmp_path / "files" / SHA).exists()
    store.sweep(time.time() + 31 * DAY)
    assert not (tmp_path / "files" / SHA).exists()


def test_the_files_used_longest_ago_make_room(store, tmp_path, monkeypatch):
    for name, used in (("a", 3), ("b", 1), ("c", 2)):
        (tmp_path / "files" / name).write_bytes(bytes(100))
        os.utime(tmp_path / "files" / name, (time.time() - 1000 + used,) * 2)
    monkeypatch.setattr("actionmesh.remote.store.MOST_BYTES", 250)
    store.sweep()
    assert sorted(path.name for path in (tmp_path / "files").iterdir()) == ["a", "c"]


def test_a_folder_of_results_is_listed_with_its_hashes(tmp_path):
    (tmp_path / "poses").mkdir()
    (tmp_path / "poses" / "1.ply").write_bytes(DATA)
    assert list(digests(tmp_path / "poses")) == [("1.ply", len(DATA), SHA)]
    assert list(digests(tmp_path / "poses" / "1.ply")) == [("", len(DATA), SHA)]
