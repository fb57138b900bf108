"""The worker's memory: a job that takes too much ends with a sentence, and memory used by jobs is freed."""

import os
import sys
import time

import psutil
import pytest

from actionmesh import host_memory
from actionmesh.protocol import Animate, FrameChoice, Initialize, Kind, Match, Ping, Unload
from benchmarks.soak import DEMO

from .worker_process import FAKE, WorkerProcess, fake_job

linux = pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")


@linux
@pytest.mark.fault("A job that took all memory ended the worker, or Blender, without a sentence")
def test_a_memory_bomb_ends_in_a_sentence_and_the_next_job_works(tmp_path):
    environment = {**os.environ, "ACTIONMESH_WORKER_MEMORY": "2"}
    with WorkerProcess(tmp_path / "log", FAKE, env=environment) as worker:
        error = worker.refused(fake_job("bomb", tmp_path))
        assert error.kind is Kind.OUT_OF_MEMORY and error.problem and error.cure
        assert psutil.Process(worker.process.pid).memory_info().rss < 1 << 30
        assert worker.call(fake_job("quick", tmp_path)).poses == 2
        worker.call(Ping())


@linux
def test_the_worker_is_ended_before_blender_where_memory_runs_out(tmp_path):
    with WorkerProcess(tmp_path / "log", FAKE) as worker:
        worker.call(Ping())
        with open(f"/proc/{worker.process.pid}/oom_score_adj", encoding="ascii") as file:
            assert int(file.read()) == 500


def test_the_limit_is_most_of_the_machine_or_what_was_chosen(monkeypatch):
    total = host_memory.memory_of_machine()
    assert total is None or 0 < total <= psutil.virtual_memory().total
    monkeypatch.setattr(host_memory, "memory_of_machine", lambda: 64 << 30)
    monkeypatch.setattr(host_memory, "CARD", "/no/such/device")
    assert host_memory.allowed("") == host_memory.allowed("nonsense") == int(0.9 * (64 << 30))
    assert (
        host_memory.allowed("8") == 8 * 10**9
        and host_memory.allowed("0") is None
        and host_memory.allowed("nan") is not None
    )
    monkeypatch.setattr(host_memory, "memory_of_machine", lambda: 1 << 30)
    assert host_memory.allowed("") == 4 << 30
    monkeypatch.setattr(host_memory, "CARD", "/")
    assert host_memory.allowed("") == 20 << 30
    monkeypatch.setattr(host_memory, "memory_of_machine", lambda: None)
    assert host_memory.allowed("") is None


def resident(worker, settled=1.0):
    time.sleep(settled)
    return psutil.Process(worker.process.pid).memory_info().rss


@linux
@pytest.mark.fault("Memory never came back: not after a job, and not when the models were given back")
def test_what_jobs_have_used_comes_back(tmp_path):
    job = Animate(
        str(DEMO / "clip.mp4"), (str(tmp_path / "a.glb"),), mesh=str(DEMO / "mesh.glb"), frames=FrameChoice(count=2),
        preset="demo", device="cpu", match=Match.OFF,
    )  # fmt: skip
    with WorkerProcess(tmp_path / "log") as worker:
        worker.call(Initialize())
        first = resident(worker)
        worker.call(job)
        worker.call(Unload())
        assert resident(worker) < 1.15 * first
        worker.call(job)
        after = resident(worker)
        worker.call(job)
        assert resident(worker) < 1.05 * after
