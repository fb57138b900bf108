"""A client for tests: it starts the worker as a process and talks to it; the worker's stdout must be only protocol."""

import subprocess
import sys
import time
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

import actionmesh
from actionmesh import protocol
from actionmesh.protocol import Animate, Answer, Failure, Notice, ProgressNotice, Request, decode, encode

WORKER = Path(actionmesh.__file__).with_name("worker.py")
FAKES = Path(__file__).with_name("fakes.py")
REAL = [sys.executable, "-I", str(WORKER)]
FAKE = [sys.executable, "-I", str(FAKES), "worker"]
PATIENCE = 300
"""Seconds until a silent worker counts as stuck: PyTorch is slow to start on a busy machine."""


class WorkerProcess:
    """Use as a context: the process is killed at the end, whatever happened. `log` is the path of its stderr."""

    def __init__(self, log, command=REAL, listen=True, **options):
        self.log = Path(log)
        with self.log.open("wb") as stderr:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, **options
            )
        self.notices = []
        self._inbox = Queue()
        self._next_id = 0
        self._pending = {}
        if listen:
            Thread(target=self._listen, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()

    def _listen(self):
        for line in self.process.stdout:
            self._inbox.put(line)
        self._inbox.put(b"")

    def send_line(self, line):
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def send(self, params):
        """Send a request; return its id."""
        self._next_id += 1
        self.send_line(encode(Request(self._next_id, params)))
        return self._next_id

    def receive(self, timeout=PATIENCE):
        """Return the next message, or None at the end of output. A line that is not a message fails the test."""
        line = self._inbox.get(timeout=timeout)
        return decode(line) if line else None

    def wait(self, id, timeout=PATIENCE):
        """Return the answer to `id`; keep notices and other answers that come first."""
        while id not in self._pending:
            message = self.receive(timeout)
            assert message is not None, f"the worker ended: {self.log.read_text()}"
            if isinstance(message, Notice):
                self.notices.append(message.params)
            else:
                self._pending[message.id] = message
        return self._pending.pop(id)

    def call(self, params, timeout=PATIENCE):
        """Return the value of a successful answer."""
        answer = self.wait(self.send(params), timeout)
        assert isinstance(answer, Answer), answer.error
        return protocol.read(protocol.ANSWERS[type(params)], answer.value)

    def refused(self, params, timeout=PATIENCE):
        """Return the error of a failing request."""
        answer = self.wait(self.send(params), timeout)
        assert isinstance(answer, Failure), answer
        return answer.error

    def start_job(self, job, steps=1, timeout=PATIENCE):
        """Send a job, wait until it has reported `steps` of a stage, and return its id."""
        id = self.send(job)
        while not any(isinstance(notice, ProgressNotice) and notice.step >= steps for notice in self.notices):
            message = self.receive(timeout)
            assert isinstance(message, Notice), message
            self.notices.append(message.params)
        return id

    def seconds_to_end(self, timeout=10):
        """Return the seconds until the process is gone."""
        start = time.monotonic()
        self.process.wait(timeout)
        return time.monotonic() - start

    def is_silent(self):
        try:
            self._inbox.get(timeout=0.2)
        except Empty:
            return True
        return False


def fake_job(behaviour, tmp_path):
    """Return a job for the fake pipeline; see `fakes`."""
    return Animate(clip=behaviour, out=(str(tmp_path / "out.safetensors"),))
