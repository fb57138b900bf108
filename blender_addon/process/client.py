"""The worker process: start it by file path, talk to it through its pipes, watch it and end it.

Blender's main thread calls `request` and `poll` and never waits. Two threads do what may block: one reads the worker's
answers into a queue; one writes to it, because a pipe holds 64 KB on Linux and 4 KB on Windows, and a worker that is
loading libraries does not read. The log is the worker's standard error, written by the worker itself. What to request
is decided elsewhere: see `jobs.queue`.
"""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from typing import Any

from . import log_file, pipes
from .backend_locator import (
    CHECKPOINTS_VARIABLE,
    OFFLINE,
    checkpoints_folder,
    compiler_variables,
    find_python,
    protocol,
    worker_file,
)
from .stall_timer import StallTimer

FIRST_FRAME = 1
"""The number of a clip's first frame in panels, and so in the backend's sentences."""
PING_SECONDS = 1.0
END_OF_OUTPUT = 0.5
"""Seconds to wait for the output to end after the process, or for the process to end after its output."""


@dataclass(frozen=True)
class Answered:
    """`request` succeeded; `value` is the dataclass of its answer."""

    id: int
    request: protocol.Params
    value: Any


@dataclass(frozen=True)
class Refused:
    """`request` failed."""

    id: int
    request: protocol.Params
    error: protocol.ProtocolError


@dataclass(frozen=True)
class Noted:
    """The worker sent an unrequested notice: `ProgressNotice` or `LogNotice`."""

    notice: protocol.Params


@dataclass(frozen=True)
class Died:
    """The last event: the worker has ended, or was killed because it did not answer.

    Args:
        problem: one sentence.
        log: the last lines of its log.
        silent: it was killed because it did not answer.
    """

    problem: str
    log: str
    silent: bool = False


Event = Answered | Refused | Noted | Died


class WorkerClient:
    """One worker. It receives an `Initialize` request at once; the answer means that it is ready.

    Args:
        python: the program that runs it.
        worker: path of the backend's `worker.py`.
        log: path of its log; see `log_file`.
        environment: variables to add to those of this process.
        patience: seconds without any answer after which it is killed, once it has answered `Initialize`.
        start_patience: the same before that: PyTorch may take long to load from a slow disk.
        brief: whether it only reports that it is ready, which needs no PyTorch.
        words: arguments of the worker.
        host: the other computer that it passes messages on to; empty if it works here.
    Raises:
        BackendMissing: the program cannot be started.
        FolderError: the log cannot be written.
    """

    def __init__(
        self,
        python: str | Path,
        worker: str | Path,
        log: str | Path,
        environment: Mapping[str, str] | None = None,
        patience: float = 60.0,
        start_patience: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
        brief: bool = False,
        words: Sequence[str] = (),
        host: str = "",
    ):
        self.host = host
        self.python, self.log = Path(python), Path(log)
        self.rubbish = 0
        command = [str(Path(python).absolute()), "-I", "-B", str(Path(worker).absolute()), *words]
        self._process = pipes.start(command, self.log, environment or {})
        self._inbox, self._outbox = pipes.connect(self._process)
        self._clock, self._patience, self._start_patience = clock, patience, start_patience
        self._ids = itertools.count(1)
        self._pending: dict[int, protocol.Params] = {}
        self._introduced = self._ended = self._stopping = False
        self._silence, self._last_ping = StallTimer(clock), clock()
        self._half_gone: float | None = None
        self._output_open = True
        self.request(protocol.Initialize(brief=brief, first_frame=FIRST_FRAME))

    @property
    def alive(self) -> bool:
        """Whether it accepts requests."""
        return not (self._ended or self._stopping)

    @property
    def pid(self) -> int:
        return self._process.pid

    def request(self, params: protocol.Params) -> int:
        """Send a request; return its id, which is also the id of the job if the request starts one."""
        id = next(self._ids)
        self._pending[id] = params
        self._outbox.put(protocol.encode(protocol.Request(id, params)))
        return id

    def poll(self) -> list[Event]:
        """Return the events since the last call, without waiting. After `Died` and after `stop` there are none."""
        if not self.alive:
            return []
        events = self._receive()
        if problem := self._found_dead():
            return [*events, self._die(problem)]
        self._ping()
        if (waited := self._unanswered()) > (self._patience if self._introduced else self._start_patience):
            self._process.kill()
            problem = f"The backend did not answer for {waited:.0f} seconds and was stopped."
            return [*events, self._die(problem, silent=True)]
        log_file.limit(self.log)
        return events

    def stop(self, grace: float = 2.0, wait: bool = True) -> None:
        """End the worker: by a request, by a signal after `grace` seconds, by force after another `grace` seconds.

        Without `wait`, a thread does the waiting.
        """
        if self._stopping:
            return
        if self.alive:
            self.request(protocol.Shutdown())
        self._stopping = True
        self._outbox.put(None)
        pipes.end(self._process, grace, wait)

    def kill(self) -> None:
        """End the worker by force at once; `poll` returns no more events."""
        self._stopping = True
        self._process.kill()
        self._outbox.put(None)
        pipes.end(self._process, 0.0, wait=False)

    def _receive(self) -> list[Event]:
        events: list[Event] = []
        while True:
            try:
                message = self._inbox.get_nowait()
            except Empty:
                return events
            if message is None:
                self._output_open = False
            elif isinstance(message, bytes):
                self.rubbish += 1
            else:
                self._silence.reset()
                events += self._events_of(message)

    def _events_of(self, message: protocol.Message) -> list[Event]:
        if isinstance(message, protocol.Notice):
            return [Noted(message.params)]
        if not isinstance(message, protocol.Answer | protocol.Failure) or not isinstance(message.id, int):
            return []
        request = self._pending.pop(message.id, None)
        if request is None or isinstance(request, protocol.Ping):
            return []
        if isinstance(message, protocol.Failure):
            return [Refused(message.id, request, message.error)]
        return [self._answer_to(message.id, request, message.value)]

    def _answer_to(self, id: int, request: protocol.Params, value: Any) -> Event:
        try:
            answer: object = protocol.read(protocol.ANSWERS[type(request)], value)
        except protocol.ProtocolError as error:
            problem = f"The backend's answer to {request.METHOD} has an unknown form: {error.problem}"
            return Refused(
                id, request, protocol.ProtocolError(protocol.Kind.OTHER_VERSION, problem, "Install the add-on again.")
            )
        self._introduced = self._introduced or isinstance(request, protocol.Initialize)
        return Answered(id, request, answer)

    def _found_dead(self) -> str | None:
        """Return how the worker ended, or None while it lives.

        The end of the process or of its output is enough if the other does not follow: a child of the worker may hold
        the output open.
        """
        code = self._process.poll()
        if self._output_open and code is None:
            self._half_gone = None
            return None
        if self._half_gone is None:
            self._half_gone = self._clock()
        if (self._output_open or code is None) and self._clock() - self._half_gone < END_OF_OUTPUT:
            return None
        if code is None:
            self._process.kill()
            return "The backend closed its output and was stopped."
        return f"The backend stopped unexpectedly ({pipes.exit_in_words(code)})."

    def _ping(self) -> None:
        """Send a heartbeat once a second while an answer is expected, one at a time."""
        pinged = any(isinstance(request, protocol.Ping) for request in self._pending.values())
        if self._pending and not pinged and self._clock() - self._last_ping >= PING_SECONDS:
            self._last_ping = self._clock()
            self.request(protocol.Ping())

    def _unanswered(self) -> float:
        """Return the seconds since the last message while an answer is expected."""
        if not self._pending:
            self._silence.reset()
        return self._silence.waited()

    def _die(self, problem: str, silent: bool = False) -> Died:
        self._ended = True
        self._pending.clear()
        self._outbox.put(None)
        pipes.end(self._process, 0.0, wait=False)
        return Died(problem, log_file.tail(self.log), silent)


def start_worker(python: str = "", checkpoints: str = "", logs: Path | None = None) -> WorkerClient:
    """Start the backend.

    Args:
        python: as for `backend_locator.find_python`.
        checkpoints: folder of checkpoints; empty as for `backend_locator.checkpoints_folder`.
        logs: folder for its log; None takes the user's.
    Raises:
        BackendMissing: there is no Python, or it cannot be started.
        FolderError: the log cannot be written.
    """
    environment = OFFLINE | compiler_variables() | {CHECKPOINTS_VARIABLE: str(checkpoints_folder(checkpoints))}
    return WorkerClient(find_python(python), worker_file(), log_file.new_log(logs), environment)


def start_brief_worker(python: str = "", logs: Path | None = None) -> WorkerClient:
    """Start a backend without networks and without the network, for work that needs neither.

    Raises:
        BackendMissing, FolderError: as for `start_worker`.
    """
    return WorkerClient(find_python(python), worker_file(), log_file.new_log(logs), OFFLINE, brief=True)


def start_downloader(python: str = "", token: str = "", logs: Path | None = None) -> WorkerClient:
    """Start a backend that may use the network, only for models, even if HF_HUB_OFFLINE is set.

    Args:
        token: for Hugging Face; if empty, HF_TOKEN or a saved login is used.

    Raises:
        BackendMissing, FolderError: as for `start_worker`.
    """
    environment = {"HF_HUB_OFFLINE": "0", "TRANSFORMERS_OFFLINE": "0", "HF_HUB_DISABLE_TELEMETRY": "1"}
    if token:
        environment["HF_TOKEN"] = token
    return WorkerClient(find_python(python), worker_file(), log_file.new_log(logs), environment, brief=True)
