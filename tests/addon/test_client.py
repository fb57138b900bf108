"""One worker and its client: answers, heartbeat, death reported once, and every way to end.

The worker is a scripted fake.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blender_addon.errors import BackendMissing
from blender_addon.process import client as client_module
from blender_addon.process import log_file, pipes
from blender_addon.process.backend_locator import protocol
from blender_addon.process.client import Answered, Died, Noted, Refused, WorkerClient

from .workers import FAKE_WORKER, collect, fake_client, is_running, needs_posix, wait_until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def start(tmp_path):
    clients = []

    def begin(how="ready", **options):
        clients.append(fake_client(tmp_path, how, **options))
        return clients[-1]

    yield begin
    for client in clients:
        client.kill()


def animate(tmp_path, clip):
    return protocol.Animate(clip=clip, out=(str(tmp_path / "result"),))


def test_worker_introduces_itself_and_answers_with_dataclasses(start, tmp_path):
    client = start()
    (introduced,) = collect(client.poll, Answered)
    assert introduced.request == protocol.Initialize(first_frame=1) and introduced.value.protocol == protocol.VERSION
    id = client.request(animate(tmp_path, "quick"))
    *notices, answer = collect(client.poll, Answered)
    assert (answer.id, answer.value.poses, answer.value.out) == (id, 5, (str(tmp_path / "result"),))
    assert [event.notice.step for event in notices if isinstance(event, Noted)] == [0, 1, 2]
    assert client.alive and client.rubbish == 0


def test_refusals_are_typed(start, tmp_path):
    client = start()
    client.request(animate(tmp_path, "exhaust"))
    refused = collect(client.poll, Refused)[-1]
    assert refused.error.kind is protocol.Kind.OUT_OF_MEMORY and refused.error.cure == "Use fewer frames."


def test_rubbish_is_counted_and_survived(start, tmp_path):
    client = start()
    id = client.request(animate(tmp_path, "rubbish"))
    answer = collect(client.poll, Answered, count=2)[-1]
    assert answer.id == id and client.rubbish >= 5 and client.alive


def test_answer_of_a_wrong_form_is_a_refusal(start, tmp_path):
    client = start()
    client.request(animate(tmp_path, "misread"))
    refused = collect(client.poll, Refused)[-1]
    assert refused.error.kind is protocol.Kind.OTHER_VERSION and "lacks the field 'out'" in refused.error.problem


def test_death_is_one_event_with_the_tail_of_the_log(start, tmp_path):
    client = start()
    collect(client.poll, Answered)
    client.request(animate(tmp_path, "crash"))
    begin = time.monotonic()
    died = collect(client.poll, Died)[-1]
    assert time.monotonic() - begin < 2
    assert "exit code 3" in died.problem and died.log.endswith("the last words of the backend") and not died.silent
    assert client.poll() == [] and not client.alive


@needs_posix
def test_kill_is_noticed_within_two_seconds(start):
    client = start()
    collect(client.poll, Answered)
    os.kill(client.pid, signal.SIGKILL)
    begin = time.monotonic()
    assert "memory" in collect(client.poll, Died)[-1].problem
    assert time.monotonic() - begin < 2


@pytest.mark.parametrize("how", ["close_output", pytest.param("leave_a_child", marks=needs_posix)])
def test_one_sign_of_death_is_enough(start, how):
    client = start(how)
    begin = time.monotonic()
    collect(client.poll, Died)
    assert time.monotonic() - begin < 5
    wait_until(lambda: not is_running(client.pid), 5)


def test_worker_that_never_answers_is_killed(start):
    client = start("be_silent", start_patience=0.5)
    died = collect(client.poll, Died)[-1]
    assert died.silent and "did not answer" in died.problem
    wait_until(lambda: not is_running(client.pid), 5)


def test_worker_that_stops_answering_is_killed_after_its_patience(start, tmp_path):
    client = start(patience=0.6)
    client.request(animate(tmp_path, "mute"))
    collect(client.poll, Noted)
    begin = time.monotonic()
    assert collect(client.poll, Died)[-1].silent
    assert 0.4 < time.monotonic() - begin < 3


def test_heartbeat_keeps_a_job_alive_that_says_nothing_itself(start, tmp_path, monkeypatch):
    monkeypatch.setattr(client_module, "PING_SECONDS", 0.05)
    client = start(patience=0.5)
    client.request(animate(tmp_path, "deaf"))
    collect(client.poll, Noted)
    end = time.monotonic() + 1.2
    while time.monotonic() < end:
        assert client.poll() == []
        time.sleep(0.01)
    assert client.alive


def test_time_in_which_nobody_polled_does_not_count_as_silence(start, tmp_path):
    now = 0.0
    client = start(patience=5, start_patience=50, clock=lambda: now)
    collect(client.poll, Answered)
    client.request(animate(tmp_path, "mute"))
    collect(client.poll, Noted)
    now += 3600
    assert client.poll() == [] and client.alive
    for _ in range(6):
        now += 1
        if events := client.poll():
            break
    assert isinstance(events[-1], Died) and 4 < now - 3600 < 7


def test_full_pipe_blocks_nobody(start, tmp_path):
    client = start("be_silent")
    begin = time.monotonic()
    for _ in range(100):
        client.request(animate(tmp_path, "x" * 100_000))
        client.poll()
    assert time.monotonic() - begin < 2
    client.stop(grace=0.3)
    assert not is_running(client.pid)


def test_stop_asks_first_and_forces_a_worker_that_does_not_listen(start):
    client = start()
    collect(client.poll, Answered)
    client.stop()
    assert client._process.returncode == 0 and not client.alive and client.poll() == []
    silent = start("be_silent")
    begin = time.monotonic()
    silent.stop(grace=0.3)
    assert silent._process.returncode not in (0, None) and time.monotonic() - begin < 3


def test_stop_without_waiting_returns_at_once(start):
    client = start("be_silent")
    begin = time.monotonic()
    client.stop(grace=0.5, wait=False)
    assert time.monotonic() - begin < 0.2
    wait_until(lambda: not is_running(client.pid), 5)


PARENT = """
import sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from blender_addon.process.client import WorkerClient
client = WorkerClient(sys.executable, sys.argv[2], Path(sys.argv[3]))
while not client.poll():
    time.sleep(0.01)
print(client.pid, flush=True)
time.sleep(60)
"""


@needs_posix
def test_worker_ends_with_its_killed_parent(tmp_path):
    command = [sys.executable, "-c", PARENT, str(ROOT), str(FAKE_WORKER), str(tmp_path / "log")]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE)
    worker = int(parent.stdout.readline())
    assert is_running(worker)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not is_running(worker), 3)


def test_program_that_cannot_be_started_is_one_sentence(tmp_path):
    text = tmp_path / "python"
    text.write_text("no program")
    for python in (text, tmp_path / "nothing"):
        with pytest.raises(BackendMissing, match="python|nothing") as caught:
            WorkerClient(python, FAKE_WORKER, tmp_path / "log")
        assert caught.value.cure and "\n" not in str(caught.value)


@needs_posix
def test_program_that_is_no_python_is_a_death(tmp_path):
    client = WorkerClient("/bin/true", FAKE_WORKER, tmp_path / "log")
    assert "exit code 0" in collect(client.poll, Died)[-1].problem


def test_worker_runs_isolated_and_writes_nothing_beside_itself(start, monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(pipes.subprocess, "Popen", lambda command, **options: seen.append((command, options)) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        WorkerClient("python", "worker.py", tmp_path / "log", {"A": "B"})
    ((command, options),) = seen
    assert command[1:3] == ["-I", "-B"] and Path(command[3]).is_absolute()
    assert "shell" not in options and options["env"]["A"] == "B" and options["cwd"] == tmp_path


def test_logs_are_private_new_and_few(tmp_path):
    logs = [log_file.new_log(tmp_path / "logs") for _ in range(15)]
    assert len(set(logs)) == len(logs) and logs[-1].exists()
    assert len(list((tmp_path / "logs").iterdir())) <= 11
    if os.name == "posix":
        assert logs[-1].stat().st_mode & 0o777 == 0o600


def test_log_in_use_outlives_newer_ones(tmp_path):
    used, forgotten = (log_file.new_log(tmp_path) for _ in range(2))
    for log in (used, forgotten):
        os.utime(log, (1e9, 1e9))
    log_file.limit(used)
    for _ in range(9):
        log_file.new_log(tmp_path)
    assert used.exists() and not forgotten.exists()


def test_log_that_grows_is_emptied_and_its_tail_is_short(tmp_path, monkeypatch):
    log = tmp_path / "log"
    log.write_text("\n".join(f"line {number} ü" for number in range(5000)))
    assert log_file.tail(log).splitlines() == [f"line {number} ü" for number in range(4980, 5000)]
    log_file.limit(log)
    assert log.stat().st_size > 0
    monkeypatch.setattr(log_file, "LARGEST", 1000)
    log_file.limit(log)
    assert log.stat().st_size == 0 and log_file.tail(log) == "" and log_file.tail(tmp_path / "none") == ""
