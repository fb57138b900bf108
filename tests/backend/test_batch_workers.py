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
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "2",
}


class Batch:
    """A running batch of fake jobs; `told` holds what it said of its jobs."""

    def __init__(self, out, clips, workers, address=None, **environment):
        asked = json.dumps({"address": address, "workers": workers, "out": str(out), "clips": clips})
        paths = os.pathsep.join((str(ROOT), str(ROOT / "backend")))
        self.process = subprocess.Popen(
            [sys.executable, str(DRIVER), asked],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": paths, **environment},
        )
        self.told = []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.communicate()

    def until(self, enough):
        """Read until `enough` of a line is true; return that line."""
        for line in self.process.stdout:
            self.told.append(json.loads(line))
            if enough(self.told[-1]):
                return self.told[-1]
        raise AssertionError(f"{self.told} {self.process.stderr.read()}")

    def end(self):
        """Return the last word on every job, by its clip."""
        rest, errors = self.process.communicate(timeout=PATIENCE)
        self.told += [json.loads(line) for line in rest.splitlines()]
        assert self.process.returncode == 0, errors
        return {Path(each["clip"]).name: each for each in self.told if "clip" in each}


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
    assert told["state"] == "failed" and told["workers lost"] == 3 and "died 3 times" in told["error"]


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
    paths = os.pathsep.join((str(ROOT), str(ROOT / "backend")))
    with tempfile.TemporaryDirectory(prefix="n") as home:  # short: sockets are in it
        (Path(home) / "ray").mkdir()
        environment = {**os.environ, **CLUSTER, "PYTHONPATH": paths, "RAY_TMPDIR": home}
        command = [sys.executable, str(Path(__file__).with_name("two_nodes.py"))]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(command, env=environment, text=True, **pipes)
        try:
            line = next((line for line in process.stdout if line.startswith("{")), None)
            assert line, process.stderr.read()
            yield json.loads(line)
        finally:
            process.communicate("", timeout=PATIENCE)


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
