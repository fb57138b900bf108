"""The holder while a result is on its way: the worker lives, and the result is kept until the client has it."""

import json
import os
import socket
import threading
import time

import pytest

if os.name == "nt":
    pytest.skip("The holder runs on Linux and macOS.", allow_module_level=True)

from actionmesh import protocol
from actionmesh.remote import holder as holder_module
from actionmesh.remote.channel import WINDOW
from actionmesh.remote.frames import Frame
from actionmesh.remote.holder import Holder
from actionmesh.remote.line import _Unreached
from actionmesh.remote.place import Place
from actionmesh.remote.relay import Relay

WORKER = """\
import json, sys
for line in sys.stdin.buffer:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": json.loads(line)["id"], "result": {}}) + "\\n")
    sys.stdout.flush()
"""
LISTENER = socket.create_server(("127.0.0.1", 0))
"""Nobody connects to it; each holder waits there until the tests end."""
DEAF = "import sys, time\nsys.stdout.write('{}\\n'); sys.stdout.flush()\ntime.sleep(600)\n"


@pytest.fixture
def hold(tmp_path, monkeypatch):
    """Return a function that starts a holder with a worker of this source; nothing is ever read from its lines."""
    monkeypatch.setenv("ACTIONMESH_REMOTE_FOLDER", str(tmp_path / "there"))
    monkeypatch.setattr(holder_module, "PING_SECONDS", 0.1)
    monkeypatch.setattr(holder_module, "PATIENCE", 1.0)
    started = []

    def hold(source):
        (tmp_path / "worker.py").write_text(source)
        monkeypatch.setattr(holder_module, "WORKER", tmp_path / "worker.py")
        made = Holder("session", 60)
        thread = threading.Thread(target=made.run, args=(LISTENER,))
        thread.start()
        started.append((made, thread))
        return made

    yield hold
    for made, thread in started:
        end(made)
        thread.join(30)
        assert not thread.is_alive()


def end(holder):
    holder._take(Frame("bye"))


def wait_until(enough):
    end = time.monotonic() + 60
    while not enough():
        assert time.monotonic() < end
        time.sleep(0.05)


def ask(holder, kind, payload=b"", **facts):
    holder._take(Frame(kind, 0, facts, payload))


@pytest.mark.fault("A large result comes from another computer over a slow line, and the worker there counted as dead.")
def test_a_worker_lives_while_its_result_is_on_its_way(hold, tmp_path):
    holder = hold(WORKER)
    holder._take(Frame("line", 0, {}, protocol.encode(protocol.Request(1, protocol.Ping()))))
    wait_until(lambda: holder._introduced)
    ask(holder, "place", json.dumps({"job": 1, "files": [], "results": ["out"]}).encode(), ask=1)
    folder = tmp_path / "there" / "jobs" / "session-1" / "out"
    wait_until(folder.is_dir)
    (folder / "0.glb").write_bytes(bytes(2 * WINDOW))
    ask(holder, "fetch", ask=2, job=1, name="out/0.glb")
    time.sleep(4 * holder_module.PATIENCE)
    assert holder._worker.poll() is None
    end(holder)
    wait_until(lambda: holder._worker.poll() is not None)
    time.sleep(0.2)
    assert (folder / "0.glb").is_file(), "a result that has not arrived is kept"


def test_a_worker_that_does_not_answer_is_killed(hold):
    holder = hold(DEAF)
    wait_until(lambda: holder._worker.poll() is not None)
    assert holder._worker.returncode == -9


@pytest.mark.fault("Another computer refuses the line that was cut while a result came back, and the job never ended.")
def test_a_lost_result_is_told_with_its_place_whatever_was_raised():
    told = Relay(Place("far"), lambda line: None)._kept_there(_Unreached("far refused.", "Ask.", True), 1)
    assert "far refused. The result is not lost" in told.problem and told.cure == "Ask."
