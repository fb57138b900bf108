"""The installation interrupted: cancelled, killed, without Blender, during another one, and on a full disk."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blender_addon.install import places
from blender_addon.install.messages import Action, Failed, Finished, Request
from blender_addon.process import backend_locator

from .shelf import Index, Shelf, ended, environments, install, needs_uv, run, until

pytestmark = needs_uv


@pytest.fixture
def slow(tmp_path):
    """Make a shelf whose download takes several seconds."""
    shelf = Shelf(tmp_path / "tree", filler=1_000_000)
    index = Index(shelf.wheels, delay=0.05)
    yield shelf, index
    index.close()


def processes_below(folder):
    """Return the numbers and command lines of the processes that name a folder."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                words = Path(f"/proc/{entry}/cmdline").read_text()
                state = Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            if str(folder) in words and state != "Z":
                found[int(entry)] = words.replace("\0", " ")
    return found


def test_cancel_ends_everything_and_the_next_try_goes_well(home, slow, monkeypatch):
    shelf, index = slow
    session = run(shelf, Request(Action.INSTALL, online=True, index=index.url), monkeypatch)
    until(session, "download", "MB")
    start = time.monotonic()
    session.cancel()
    last, _ = ended(session)
    assert isinstance(last, Failed) and last.cancelled and time.monotonic() - start < 3
    assert environments(home) == [] and not [line for line in processes_below(home).values() if "pip install" in line]
    index.delay, before = 0, len(index.asked)
    assert isinstance(install(shelf, monkeypatch, index=index.url)[0], Finished)
    files = [path for path, _ in index.asked[before:] if path.startswith("/files/") and not path.endswith(".metadata")]
    assert files and not [path for path in files if "everything" in path], "it is whole in the cache"


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_installer_is_told_and_its_half_is_never_used(home, slow, monkeypatch, signal_number):
    shelf, index = slow
    session = run(shelf, Request(Action.INSTALL, online=True, index=index.url), monkeypatch)
    until(session, "download", "MB")
    os.kill(session._process.pid, signal_number)
    last, _ = ended(session)
    assert (
        isinstance(last, Failed)
        and "stopped unexpectedly" in last.problem
        and "continues where it stopped" in last.cure
    )
    assert len(environments(home)) == 1 and backend_locator.installed_environment() is None
    with pytest.raises(backend_locator.BackendMissing):
        backend_locator.find_python()
    index.delay = 0
    assert isinstance(install(shelf, monkeypatch, index=index.url)[0], Finished)
    (whole,) = environments(home)  # has a new name if the killed installer's uv was still writing into the half
    assert places.read_passed(home / "envs" / whole) is not None


def test_blender_that_dies_takes_the_installer_with_it(home, slow, monkeypatch):
    shelf, index = slow
    index.delay = 0.5  # a minute, unless it is ended
    request = json.dumps({"action": "install", "online": True, "index": index.url}) + "\n"
    code = f"""
import subprocess, sys, time
process = subprocess.Popen([sys.executable, "-I", "-B", {str(shelf.main)!r}], stdin=subprocess.PIPE)
process.stdin.write({request!r}.encode()); process.stdin.flush()
time.sleep(60)
"""
    blender = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while not [line for line in processes_below(home).values() if "pip install" in line]:
        assert time.monotonic() < end
        time.sleep(0.05)
    blender.kill()
    blender.wait()
    end = time.monotonic() + 10
    while processes_below(shelf.main) or processes_below(home):
        assert time.monotonic() < end, processes_below(home)
        time.sleep(0.05)


def test_two_installers_do_not_meet(home, slow, monkeypatch):
    shelf, index = slow
    first = run(shelf, Request(Action.INSTALL, online=True, index=index.url), monkeypatch)
    until(first, "download", "MB")
    last, _ = install(shelf, monkeypatch, index=index.url)
    assert isinstance(last, Failed) and "Another Blender" in last.problem
    first.cancel()
    ended(first)


@pytest.fixture
def small_disk(home):
    """Mount a file system of six megabytes as the user's folder; only root on Linux can do this."""
    home.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(home)], capture_output=True)
    if made.returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield home
    subprocess.run(["umount", "-l", str(home)], check=True)


def test_disk_that_is_too_small_is_told_before_anything_is_downloaded(small_disk, shelf, index, monkeypatch):
    last, _ = install(shelf, monkeypatch, index=index.url)
    assert isinstance(last, Failed) and "needs 0.5 GB" in last.problem and "0.0 GB are free" in last.problem
    assert not index.asked and "ACTIONMESH_HOME" in last.cure


def test_disk_that_fills_up_meanwhile_is_told(small_disk, slow, monkeypatch):
    shelf, index = slow
    index.delay = 0
    shelf.put("filler", {"filler/data": os.urandom(4_000_000).hex()})
    preflight = shelf.folder / "blender_addon" / "install" / "preflight.py"
    preflight.write_text(preflight.read_text().replace("SPARE = GIGABYTE // 2", "SPARE = 0"))
    last, _ = install(shelf, monkeypatch, index=index.url)
    assert isinstance(last, Failed) and last.problem == "The disk is full.", last
    assert environments(small_disk) == []


def test_program_that_is_killed_is_told(home, slow, monkeypatch):
    shelf, index = slow
    session = run(shelf, Request(Action.INSTALL, online=True, index=index.url), monkeypatch)
    until(session, "download", "MB")
    (uv,) = [pid for pid, words in processes_below(home).items() if "pip install" in words]
    os.kill(uv, signal.SIGKILL)
    last, _ = ended(session)
    assert isinstance(last, Failed) and "memory ran out" in last.problem and environments(home) == []
