"""The queue with the real worker and the bundled weights: a whole job, a look, cancel, death, and another Python."""

import os
import signal
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from blender_addon.jobs.events import Finished, Looked, LookFailed, Progressed, WorkerState
from blender_addon.jobs.queue import JobQueue
from blender_addon.jobs.record import State, Trouble, new_record
from blender_addon.process.backend_locator import backend_folder, protocol
from blender_addon.process.client import start_worker

from .workers import REAL_PYTHON, collect, is_running, needs_posix, wait_until

DEMO = backend_folder() / "actionmesh" / "checkpoints" / "toy" / "demo"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder with an odd name."""
    return tmp_path_factory.mktemp("ünïcödé 模型")


@pytest.fixture(scope="module")
def queue(place):
    """Share one worker between all tests, because it takes seconds to start; the last test kills it."""
    queue = JobQueue(lambda: start_worker(REAL_PYTHON, logs=place / "logs"), keep_minutes=None)
    yield queue
    queue.close()


def submit(queue, place, **changes):
    request = {
        "clip": str(DEMO / "clip.mp4"),
        "out": (),
        "preset": "demo",
        "device": "cpu",
        "frames": protocol.FrameChoice(0, 3),
    }
    record = new_record(place / "jobs", protocol.Animate(**(request | changes)))
    queue.submit(record)
    return record


def test_demo_job_runs_to_its_result(queue, place):
    record = submit(queue, place, mesh=str(DEMO / "mesh.glb"))
    events = []
    queue.run_until_done(record.id, events.append)
    assert record.state is State.FINISHED, record.error
    told = [event for event in events if isinstance(event, Progressed)]
    shares = [event.overall for event in told]
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1.0) and told[-1].notice.stage == "saving"
    header = record.result_path.read_bytes()[8:2000].split(b"\0")[0]
    assert record.result["poses"] == 3 and b'"vertices"' in header and b"provenance" in header
    assert queue.backend.machine.checkpoints and queue.state is WorkerState.READY


def test_look_tells_how_long_the_clip_is(queue, place):
    ticket = queue.look(protocol.Look(str(DEMO / "clip.mp4"), str(place / "look.png"), device="cpu", anchor=-1))
    events = collect(queue.poll, Looked)
    (seen,) = [event for event in events if isinstance(event, Looked)]
    assert seen.ticket == ticket and seen.value.chosen == seen.value.clip_frames == seen.value.frame + 1 > 10
    assert 0.02 < seen.value.coverage < 0.9 and Path(seen.value.out).stat().st_size > 100
    queue.look(protocol.Look(str(place / "none.mp4"), str(place / "look.png"), device="cpu"))
    (failed,) = [event for event in collect(queue.poll, LookFailed) if isinstance(event, LookFailed)]
    assert failed.error.kind == protocol.Kind.BAD_MEDIA and "none.mp4" in failed.error.problem


def test_cancel_stops_a_real_job_and_the_next_one_runs(queue, place):
    running = submit(queue, place, steps=10_000, shape=protocol.Shape.NETWORK)
    after = submit(queue, place, clip=str(DEMO / "nothing.mp4"))
    seen = []
    wait_until(
        lambda: seen.extend(queue.poll()) or any(isinstance(e, Progressed) and e.notice.stage == "motion" for e in seen)
    )
    worker = queue.backend._client.pid
    queue.cancel(running.id)
    queue.run_until_done(after.id)
    assert running.state is State.CANCELLED and not running.has_result and queue.backend._client.pid == worker
    assert after.error.kind == protocol.Kind.BAD_MEDIA


def test_result_that_cannot_be_written_is_one_sentence(queue, place):
    record = submit(queue, place)
    record.result_path.mkdir()
    queue.run_until_done(record.id)
    assert record.error.kind == protocol.Kind.CANNOT_WRITE and "result.safetensors" in record.error.problem


def test_python_without_the_packages_is_told(place):
    folder = place / "bare"
    venv.EnvBuilder(symlinks=os.name != "nt").create(folder)
    queue = JobQueue(lambda: start_worker(str(folder), logs=place / "logs"))
    record = submit(queue, place)
    queue.run_until_done(record.id)
    assert record.error.kind == Trouble.BACKEND_MISSING and queue.state is WorkerState.NOT_FOUND
    assert "No module named" in record.error.problem and str(folder) in record.error.problem
    assert "requirements-cpu.txt" in record.error.cure


PARENT = """
import sys, time
sys.path.insert(0, sys.argv[1])
from blender_addon.process.client import start_worker
client = start_worker(sys.argv[2], logs=__import__("pathlib").Path(sys.argv[3]))
while not client.poll():
    time.sleep(0.01)
print(client.pid, flush=True)
time.sleep(60)
"""


@needs_posix
def test_real_worker_ends_with_its_killed_parent(place):
    command = [sys.executable, "-c", PARENT, str(ROOT), REAL_PYTHON, str(place / "logs")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        worker = int(parent.stdout.readline())
        assert is_running(worker)
        parent.kill()
    wait_until(lambda: not is_running(worker), 3)


@needs_posix
def test_killed_worker_fails_the_job_and_a_fresh_one_does_the_next(queue, place):
    """This is the last test, because the others share the worker."""
    running = submit(queue, place, steps=10_000, shape=protocol.Shape.NETWORK)
    after = submit(queue, place, clip=str(DEMO / "nothing.mp4"))
    wait_until(lambda: any(isinstance(event, Progressed) for event in queue.poll()))
    os.kill(queue.backend._client.pid, signal.SIGKILL)
    assert queue.run_until_done(running.id).error.kind == Trouble.WORKER_DIED
    assert queue.run_until_done(after.id).error.kind == protocol.Kind.BAD_MEDIA
    assert not any(isinstance(event, Finished) for event in queue.poll())
