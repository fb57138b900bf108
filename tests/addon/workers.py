"""Clients of fake and real workers, and waiting for what they do."""

import os
import sys
import time
from pathlib import Path

import pytest

from blender_addon.backend_files import protocol
from blender_addon.client import WorkerClient
from blender_addon.jobs.record import new_record

FAKE_WORKER = Path(__file__).with_name("fake_worker.py")
REAL_PYTHON = os.environ.get("ACTIONMESH_PYTHON", sys.executable)
TIMEOUT = 60
"""Seconds until something that should happen is taken for not happening."""

needs_posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")


def fake_client(folder, start="ready", **options):
    """A client of the fake worker, with its log in `folder`; `start` is how the worker begins."""
    return WorkerClient(sys.executable, FAKE_WORKER, folder / "log", {"FAKE_START": start}, **options)


def wait_until(look, timeout=TIMEOUT):
    """Calls `look` until its answer is true; returns the answer."""
    end = time.monotonic() + timeout
    while not (answer := look()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)
    return answer


def collect(poll, kind, timeout=TIMEOUT, count=1):
    """Polls until `count` events of `kind` came; returns all events until then."""
    events = []

    def enough():
        events.extend(poll())
        return sum(isinstance(event, kind) for event in events) >= count

    wait_until(enough, timeout)
    return events


def job(root, clip="quick", **facts):
    """The record of a job for the fake worker, see `fake_worker`."""
    return new_record(root, protocol.Animate(clip=clip, out=()), title=clip, **facts)


def is_running(pid):
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
