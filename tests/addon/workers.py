"""Clients of fake and real workers, and waiting for what they do."""

import os
import sys
import time
from pathlib import Path

import pytest

from blender_addon.jobs.record import new_record
from blender_addon.process.backend_locator import protocol
from blender_addon.process.client import WorkerClient

FAKE_WORKER = Path(__file__).with_name("fake_worker.py")
REAL_PYTHON = os.environ.get("ACTIONMESH_PYTHON", sys.executable)
TIMEOUT = 60
"""Seconds until something that should happen counts as failed."""

needs_posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")


def fake_client(folder, start="ready", **options):
    """Return a client of the fake worker, with its log in `folder`; `start` is how the worker begins."""
    return WorkerClient(sys.executable, FAKE_WORKER, folder / "log", {"FAKE_START": start}, **options)


def wait_until(look, timeout=TIMEOUT):
    """Call `look` until its answer is true; return the answer."""
    end = time.monotonic() + timeout
    while not (answer := look()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)
    return answer


def collect(poll, kind, timeout=TIMEOUT, count=1):
    """Poll until `count` events of `kind` have come; return all events up to then."""
    events = []

    def enough():
        events.extend(poll())
        return sum(isinstance(event, kind) for event in events) >= count

    wait_until(enough, timeout)
    return events


def job(root, clip="quick", **facts):
    """Return the record of a job for the fake worker; see `fake_worker`."""
    return new_record(root, protocol.Animate(clip=clip, out=()), title=clip, **facts)


def is_running(pid):
    """Return whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
