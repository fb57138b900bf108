"""Workers of a batch that die, fail or are stopped, under Ray itself; the pipeline is the fake one."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread

import psutil
import pytest

from .worker_process import PATIENCE

ray = pytest.importorskip("ray", reason="Ray is not installed: see backend/requirements-batch.txt")
ASKED = pytest.mark.skipif(
    not os.environ.get("ACTIONMESH_RAY_TESTS"),
    reason="Set ACTIONMESH_RAY_TESTS=1 to start Ray: it takes minutes on two cores.",
)
pytestmark = [ASKED, pytest.mark.skipif(os.name == "nt", reason="needs signals")]

ROOT = Path(__file__).resolve().parents[2]
DRIVER = Path(__file__).with_name("batch_worker.py")
TOKEN = "0123456789abcdef" * 4
CLUSTER = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": TOKEN,
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "10000",
    "RAY_health_check_failure_threshold": "10",
}


class Batch:
    """A running batch of fake jobs; `told` holds what it said of its jobs."""

    def __init__(self, out, clips, workers, address=None, **environment):
        asked = json.dumps({"address": address, "workers": workers, "out": str(out), "clips": clips})
        self._log = tempfile.TemporaryFile("w+")
        self.process = started([str(DRIVER), asked], self._log, **environment)
        self._lines = LineReader(self.process.stdout)
        self.told = []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.wait()
        self._log.close()

    def until(self, enough):
        """Read until `enough` of a line is true; return that line."""
        while (told := self._next()) is not None:
            if enough(told):
                return told
        raise AssertionError(f"{self.told} {self.errors}")

    def end(self):
        """Return the last word on every job, by its clip."""
        while self._next() is not None:
            pass
        assert self.process.wait(PATIENCE) == 0, self.errors
        return {Path(each["clip"]).name: each for each in self.told if "clip" in each}

    @property
    def errors(self):
        self._log.seek(0)
        return self._log.read()

    def _next(self):
        """Return what is told next, None at the end."""
        line = self._lines.next()
        if line is None:
            return None
        self.told.append(json.loads(line))
        return self.told[-1]


class LineReader:
    """Reads a pipe in a thread, so that a test that waits for a line fails in the end."""

    def __init__(self, pipe):
        self._queue = Queue()
        Thread(target=self._read, args=(pipe,), daemon=True).start()

    def next(self):
        """Return the next line, None at the end; raise queue.Empty if none comes."""
        return self._queue.get(timeout=PATIENCE)

    def _read(self, pipe):
        for line in pipe:
            self._queue.put(line)
        self._queue.put(None)


def started(command, log, **environment):
    """Start a Python program that finds this project; its complaints go to a file."""
    paths = os.pathsep.join((str(ROOT), str(ROOT / "backend")))
    return subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env={**os.environ, "PYTHONPATH": paths, **environment},
    )


def running(clip):
    return lambda told: told.get("state") == "running" and told["clip"].endswith(clip)


def process_of(told):
    return int(re.search(r"process (\d+)", told["worker"])[1])


@pytest.mark.fault("A worker that the system killed took its job with it, and the batch hung or failed")
def test_the_job_of_a_killed_worker_is_done_by_another(tmp_path):
    with Batch(tmp_path, ["once", "quick", "fail"], workers=2) as batch:
        first = process_of(batch.until(running("once")))
        wait_until((tmp_path / "once.tried").exists)
        os.kill(first, signal.SIGKILL)
        ends = batch.end()
    assert {name: told["state"] for name, told in ends.items()} == {"once": "done", "quick": "done", "fail": "failed"}
    assert ends["once"]["workers lost"] == 1 and process_of(ends["once"]) != first
    assert (tmp_path / "2.glb").is_file() and not list(tmp_path.glob(".part-*"))
    assert "fault of its own (ValueError)" in ends["fail"]["error"] and ends["fail"]["workers lost"] == 0


@pytest.mark.fault("A job that kills its worker each time was started again and again, for ever")
def test_a_job_that_kills_every_worker_fails_after_two_retries(tmp_path):
    with Batch(tmp_path, ["slow"], workers=1) as batch:
        for _ in range(3):
            os.kill(process_of(batch.until(running("slow"))), signal.SIGKILL)
        told = batch.end()["slow"]
    assert told["state"] == "failed" and told["workers lost"] == 3 and "3 workers died" in told["error"]


def test_ctrl_c_keeps_what_is_done_and_leaves_nothing_behind(tmp_path):
    with Batch(tmp_path, ["quick", "slow", "slow"], workers=1) as batch:
        batch.until(running("slow"))
        children = psutil.Process(batch.process.pid).children(recursive=True)
        batch.process.send_signal(signal.SIGINT)
        batch.end()
    states = {told["place"]: told["state"] for told in batch.told}
    assert states == {"line 2": "done", "line 3": "not done", "line 4": "not done"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2.glb", "batch_ledger.jsonl"]
    assert not psutil.wait_procs(children, timeout=PATIENCE)[1]


def test_a_killed_batch_leaves_no_process(tmp_path):
    with Batch(tmp_path, ["slow"], workers=1) as batch:
        batch.until(running("slow"))
        children = psutil.Process(batch.process.pid).children(recursive=True)
        assert children
        batch.process.kill()
        assert not psutil.wait_procs(children, timeout=PATIENCE)[1]


@pytest.mark.fault("Anybody on the network could run programs through the workers of a batch")
def test_nothing_listens_beyond_this_machine(tmp_path):
    with Batch(tmp_path, ["slow"], workers=1) as batch:
        batch.until(running("slow"))
        driver = psutil.Process(batch.process.pid)
        ports = [
            connection.laddr.ip
            for process in (driver, *driver.children(recursive=True))
            for connection in process.net_connections(kind="inet")
            if connection.status == psutil.CONN_LISTEN
        ]
        assert len(ports) > 2 and {ip.removeprefix("::ffff:") for ip in ports} <= {"127.0.0.1", "::1"}


@contextmanager
def two_nodes():
    """Start a cluster of two nodes; yield its address, and the process of the second node's raylet."""
    with tempfile.TemporaryDirectory(prefix="n") as home, tempfile.TemporaryFile("w+") as log:  # short: it has sockets
        (Path(home) / "ray").mkdir()
        process = started([str(Path(__file__).with_name("two_nodes.py"))], log, **CLUSTER, RAY_TMPDIR=home)
        lines = LineReader(process.stdout)
        try:
            while (line := lines.next()) is not None and not line.startswith("{"):
                pass
            log.seek(0)
            assert line, log.read()
            yield json.loads(line)
        finally:
            process.stdin.close()
            process.wait(PATIENCE)


def wait_until(enough):
    end = time.monotonic() + PATIENCE
    while not enough():
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.mark.fault("A machine of the cluster that went down took its jobs with it")
def test_the_job_of_a_killed_node_ends_on_the_other(tmp_path):
    with two_nodes() as cluster, Batch(tmp_path, ["once", "once2"], 2, cluster["address"], **CLUSTER) as batch:
        batch.until(lambda told: len(processes(batch.told)) == 2)
        wait_until(lambda: all((tmp_path / f"{clip}.tried").exists() for clip in ("once", "once2")))
        workers = {clip: psutil.Process(pid) for clip, pid in processes(batch.told).items()}
        there = [clip for clip, worker in workers.items() if worker.ppid() == cluster["raylet"]]
        assert len(there) == 1, "both workers are on one node"
        os.kill(cluster["raylet"], signal.SIGKILL)
        ends = batch.end()
    assert {told["state"] for told in ends.values()} == {"done"}
    assert ends[there[0]]["workers lost"] == 1 and sum(told["workers lost"] for told in ends.values()) == 1


def processes(told):
    """Return the process that does each job."""
    return {Path(each["clip"]).name: process_of(each) for each in told if each.get("state") == "running"}
