"""The worker as a process with a fake pipeline inside: pipes, errors, cancellation, and every way to end."""

import io
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest
from PIL import Image

from actionmesh import ending, protocol, service
from actionmesh.animation import Animation
from actionmesh.protocol import (
    Animate,
    Cancel,
    Kind,
    LogLevel,
    LogNotice,
    Look,
    Ping,
    ProgressNotice,
    Shutdown,
    Stage,
    Unload,
)
from actionmesh.service import read_lines

from .fakes import COUNTING, LEAK
from .worker_process import FAKE, WORKER, WorkerProcess, fake_job

LIMIT = 30.0
"""Seconds after which a worker counts as hung; ending takes a few tenths, or more on a busy machine."""
SOON = 10.0
"""Seconds within which an answer comes that waits for nothing; the fake's jobs take far longer."""
"""Seconds within which the worker must be gone."""


@pytest.fixture
def worker(tmp_path):
    with WorkerProcess(tmp_path / "log", FAKE) as process:
        yield process


@pytest.fixture
def job(tmp_path):
    return lambda behaviour: fake_job(behaviour, tmp_path)


def test_job_writes_its_file_and_describes_it(worker, job):
    done = worker.call(job("quick"))
    animation = Animation.load(done.out[0])
    assert (done.poses, done.vertices, done.faces, done.duration) == (2, 3, 1, 0.5)
    assert animation.vertices.shape == (2, 3, 3)
    assert list(done.timings) == [COUNTING, Stage.SAVING] and done.seconds >= done.timings[COUNTING]


def test_progress_comes_in_order_with_first_and_last_step(worker, job):
    worker.call(job("quick"))
    counting = [notice for notice in worker.notices if notice.stage == COUNTING]
    assert counting[0] == ProgressNotice(1, COUNTING, 0, 3, None)
    assert (counting[-1].step, counting[-1].seconds_left) == (3, 0.0)
    assert [notice.step for notice in counting] == sorted(notice.step for notice in counting)


def test_second_job_keeps_the_models_and_unload_frees_them(worker, job):
    assert [worker.call(job("quick")).loads for _ in range(2)] == [1, 1]
    worker.call(Unload())
    assert worker.call(job("quick")).loads == 2


def test_cancel_stops_within_a_step(worker, job, tmp_path):
    id = worker.start_job(job("slow"))
    start = time.monotonic()
    assert worker.call(Cancel(id)).running
    error = worker.wait(id).error
    assert error.kind is Kind.CANCELLED
    assert time.monotonic() - start < SOON
    assert list(tmp_path.iterdir()) == [worker.log]
    assert worker.call(job("quick")).poses == 2


def test_cancel_of_a_finished_job_finds_nothing(worker, job):
    worker.call(job("quick"))
    assert not worker.call(Cancel(1)).running


def test_second_job_at_once_is_refused_as_busy(worker, job):
    id = worker.start_job(job("slow"))
    assert worker.refused(job("quick")).kind is Kind.BUSY
    assert worker.refused(Unload()).kind is Kind.BUSY
    worker.call(Cancel(id))
    assert worker.wait(id).error.kind is Kind.CANCELLED


@pytest.mark.parametrize("behaviour", ["slow", "deaf"])
def test_ping_is_answered_at_once_while_a_job_runs(worker, job, behaviour):
    worker.start_job(job(behaviour), steps=0)
    for _ in range(3):
        start = time.monotonic()
        worker.call(Ping())
        assert time.monotonic() - start < SOON


def test_look_writes_a_picture_and_describes_the_clip(worker, tmp_path):
    seen = worker.call(Look("quick", str(tmp_path / "look.png"), size=6))
    assert (seen.clip_frames, seen.chosen, seen.frame, seen.fps, seen.width, seen.height) == (48, 16, 3, 24.0, 120, 80)
    with Image.open(seen.out) as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "RGBA", (6, 4))


def test_look_takes_the_place_of_a_job_and_can_be_cancelled(worker, job, tmp_path):
    look = Look("slow", str(tmp_path / "look.png"))
    id = worker.send(look)
    assert worker.refused(job("quick")).kind is Kind.BUSY
    assert worker.call(Cancel(id)).running
    assert worker.wait(id).error.kind is Kind.CANCELLED
    assert list(tmp_path.iterdir()) == [worker.log]


@pytest.mark.parametrize("out", ["look.jpg", "look", ""])
def test_look_writes_nothing_but_pngs(worker, tmp_path, out):
    error = worker.refused(Look("quick", str(tmp_path / out)))
    assert error.kind is Kind.BAD_INPUT and "png" in error.cure


GARBAGE = [
    b"hello\n",
    b"\xff\xfe\x00\n",
    b"[]\n",
    b"7\n",
    b"{}\n",
    b'{"jsonrpc": "2.0", "id": {}, "method": "unload"}\n',
    b'{"jsonrpc": "2.0", "id": 1}\n',
    b"[" * 100_000 + b"\n",
    b'{"jsonrpc": "2.0", "id": NaN}\n',
    b"x" * (3 << 20) + b"\n",
]


def test_garbage_is_answered_and_survived(worker, job):
    for line in GARBAGE:
        worker.send_line(line)
        answer = worker.receive()
        assert isinstance(answer, protocol.Failure), line[:40]
        assert answer.error.kind in (Kind.PARSE_ERROR, Kind.INVALID_REQUEST), line[:40]
    worker.send_line(b"\n")
    assert worker.call(job("quick")).poses == 2


def test_stray_notification_is_only_logged(worker):
    worker.send_line(protocol.encode(protocol.Notice(LogNotice(LogLevel.ERROR, "from the wrong side"))))
    assert worker.receive().params.level is LogLevel.WARNING
    assert worker.is_silent()


def test_unknown_method_and_bad_arguments_name_the_fault(worker):
    worker.send_line(b'{"jsonrpc": "2.0", "id": "a", "method": "dance"}\n')
    unknown = worker.wait("a").error
    assert unknown.kind is Kind.UNKNOWN_METHOD and "dance" in unknown.problem and "animate" in unknown.cure
    worker.send_line(b'{"jsonrpc": "2.0", "id": "b", "method": "animate", "params": {"clip": 3, "out": ["a.glb"]}}\n')
    wrong = worker.wait("b").error
    assert wrong.kind is Kind.INVALID_PARAMS and "animate.clip" in wrong.problem
    negative = worker.refused(Animate(clip="quick", out=("a.glb",), in_betweens=-1))
    assert negative.kind is Kind.BAD_INPUT and "-1" in negative.problem and negative.cure


def test_job_without_output_and_unwritable_output_are_refused_before_the_work(worker, tmp_path):
    assert worker.refused(Animate(clip="slow", out=())).kind is Kind.BAD_INPUT
    blocked = tmp_path / "file"
    blocked.touch()
    refused = worker.refused(Animate(clip="slow", out=(str(blocked / "out.glb"),)))
    assert refused.kind is Kind.CANNOT_WRITE and str(blocked) in refused.problem


def test_nothing_but_the_protocol_reaches_stdout(worker, job):
    worker.call(job("print_everywhere"))
    assert worker.is_silent()
    assert worker.log.read_text().count(LEAK) == 4


def test_libraries_and_children_cannot_eat_the_messages(worker, job):
    id = worker.send(job("read_input"))
    later = worker.send(Cancel("none"))
    assert isinstance(worker.wait(id), protocol.Answer)
    assert isinstance(worker.wait(later), protocol.Answer)


def test_warnings_are_forwarded(worker, job):
    worker.call(job("warn"))
    assert LogNotice(LogLevel.WARNING, "the clip is dark") in worker.notices


def test_out_of_memory_is_typed_and_frees_the_models(worker, job):
    assert worker.call(job("quick")).loads == 1
    error = worker.refused(job("exhaust"))
    assert error.kind is Kind.OUT_OF_MEMORY and error.cure
    assert worker.call(job("quick")).loads == 2


@pytest.mark.parametrize(("behaviour", "name"), [("fail", "ValueError"), ("leave", "SystemExit")])
def test_own_fault_is_internal_and_its_trace_stays_in_the_log(worker, job, behaviour, name):
    error = worker.refused(job(behaviour))
    assert error.kind is Kind.INTERNAL and name in error.problem
    assert any(isinstance(notice, LogNotice) and notice.level is LogLevel.ERROR for notice in worker.notices)
    assert "Traceback" not in str(error) + str(worker.notices)
    assert "Traceback" in worker.log.read_text() and "fakes.py" in worker.log.read_text()
    assert worker.call(job("quick")).poses == 2


def test_unreadable_file_is_named(worker, job):
    error = worker.refused(job("miss"))
    assert error.kind is Kind.BAD_INPUT and "/nonexistent/clip.mp4" in error.problem


def test_shutdown_is_answered_and_ends_a_running_job(worker, job):
    id = worker.start_job(job("slow"))
    worker.call(Shutdown())
    assert worker.seconds_to_end() < LIMIT
    assert worker.process.returncode == 0
    assert worker.wait(id).error.kind is Kind.CANCELLED


@pytest.mark.parametrize("behaviour", [None, "slow", "deaf"])
def test_end_of_input_ends_the_worker(worker, job, behaviour, tmp_path):
    if behaviour is None:
        worker.call(Cancel("none"))
    else:
        worker.start_job(job(behaviour), steps=0)
    worker.process.stdin.close()
    assert worker.seconds_to_end() < LIMIT
    assert list(tmp_path.iterdir()) == [worker.log]


def test_client_that_never_reads_cannot_keep_the_worker(tmp_path, job):
    with WorkerProcess(tmp_path / "log", FAKE, listen=False) as worker:
        worker.send(job("chatty"))
        for _ in range(3):
            time.sleep(0.5)
            worker.send(Cancel("none"))
        worker.process.stdin.close()
        assert worker.seconds_to_end() < LIMIT


def test_client_that_closes_its_end_of_the_output_ends_the_worker(tmp_path, job):
    with WorkerProcess(tmp_path / "log", FAKE, listen=False) as worker:
        worker.send(job("slow"))
        assert b"progress" in worker.process.stdout.readline()
        worker.process.stdout.close()
        assert worker.seconds_to_end() < LIMIT


def test_kill_is_seen_as_the_end_of_output(worker, job):
    worker.start_job(job("slow"))
    worker.process.kill()
    start = time.monotonic()
    while worker.receive(timeout=5) is not None:
        pass
    assert time.monotonic() - start < SOON
    assert worker.process.wait(5) == -signal.SIGKILL


PARENT = """
import subprocess, sys, time
print(subprocess.Popen(sys.argv[1:], stdin=0, stdout=2).pid, flush=True)
time.sleep(60)
"""


def test_waits_at_the_end_leave_a_margin(monkeypatch):
    """The check of the parent, the job's grace period and the last messages follow one another."""
    waits = [ending.PARENT_CHECK]
    monkeypatch.setattr(service.JobSlot, "stop", lambda slot, timeout: waits.append(timeout))
    monkeypatch.setattr(service.Outbox, "close", lambda outbox, timeout: waits.append(timeout))
    monkeypatch.setattr(service.logging.Logger, "addHandler", lambda logger, handler: None)
    monkeypatch.setattr(service.os, "_exit", lambda code: None)
    service.Service(io.BytesIO()).end()
    assert len(waits) == 3 and sum(waits) <= 1.6


@pytest.mark.parametrize("pipe_stays_open", [False, True])
def test_killed_parent_takes_the_worker_along(tmp_path, job, pipe_stays_open):
    """The pipe may stay open after the parent's death, because another child may have inherited it."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, *FAKE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    worker = psutil.Process(int(parent.stdout.readline()))
    parent.stdin.write(protocol.encode(protocol.Request(1, job("slow"))))
    parent.stdin.flush()
    assert any(b"started" in line for line in parent.stderr)
    parent.kill()
    parent.wait()
    if not pipe_stays_open:
        parent.stdin.close()
    psutil.wait_procs([worker], timeout=LIMIT)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


def test_interrupt_in_the_terminal_is_left_to_the_client(worker, job):
    id = worker.start_job(job("slow"))
    worker.process.send_signal(signal.SIGINT)
    assert worker.call(Cancel(id)).running


def test_worker_finds_its_package_wherever_it_lies(tmp_path):
    """No isolated mode here: the script's own folder, on the path then, must not make second copies of modules."""
    package = tmp_path / "else where" / "actionmesh"
    shutil.copytree(WORKER.parent, package, ignore=shutil.ignore_patterns("checkpoints", "__pycache__"))
    service = package / "service.py"
    spy = "import importlib.util as util\nprint(__file__, util.find_spec('outbox'), flush=True)\n"
    service.write_text(f"{service.read_text()}\n{spy}")
    for flags in ([], ["-I"]):
        command = [sys.executable, *flags, str(package / "worker.py")]
        with WorkerProcess(tmp_path / "log", command, cwd=package) as worker:
            worker.call(Cancel("none"))
            assert f"{service} None" in worker.log.read_text()


def test_endless_lines_take_no_more_memory_than_the_longest_message_and_cut_lines_are_dropped():
    endless = b"x" * (3 << 20)
    lines = list(read_lines(io.BytesIO(endless + b'\nnext\n\n{"cut')))
    assert [len(line) for line in lines] == [(1 << 20) + 1, 5]
    assert lines[1] == b"next\n"
