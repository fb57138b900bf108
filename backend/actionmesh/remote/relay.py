"""The relay stands where the worker would: it answers the same messages, from a worker on another computer.

A job's files are sent first, each once by its SHA-256, and its results are fetched, checked and put in place whole.
While the line is cut the relay goes on answering its client and says in the job's progress that it waits. It speaks
lines of the protocol; `serve` does so on pipes, and `ask` for a program of one request.
"""

import argparse
import json
import os
import queue
import signal
import sys
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO

from .. import protocol
from ..ending import end_with_parent
from ..errors import ActionMeshError, Cancelled, RemoteError
from ..failures import explain
from ..outbox import LineWriter
from ..protocol import Kind, Stage
from .channel import Channel
from .exchange import Exchange
from .frames import Frame
from .line import Line
from .parcel import Parcel, pack
from .place import Place, add_place

BYE_SECONDS = 1.5
LOOK_SECONDS = 0.1
JOBS = (protocol.Animate, protocol.Rematch, protocol.Look, protocol.Track, protocol.Rig)
MODELS = (protocol.Download, protocol.RemoveModels)
Lines = Callable[[bytes], object]


class Relay:
    """Answers messages by means of a worker elsewhere.

    Args:
        place: where that is.
        send: receives lines for the client, from any thread.
        on_end: called when the worker there has ended or cannot be reached, after everything was answered.
        log: receives the log of the worker there, and what ssh complains of.
    """

    def __init__(
        self,
        place: Place,
        send: Lines,
        on_end: Callable[[], object] = lambda: None,
        log: Callable[[str], object] = lambda text: None,
    ):
        self._place, self._send, self._on_end, self._log = place, send, on_end, log
        self._lock = threading.Lock()
        self._channel = Channel(self._hear)
        self._exchange = Exchange(self._channel, place.host, self._why_lost)
        session = uuid.uuid4().hex
        self._line = Line(place, session, self._channel, self._line_is_up, self._line_is_cut, self._lose, log)
        self._started = False
        self._lost: RemoteError | None = None
        self._pending: set[protocol.JobId] = set()
        self._job: _Job | None = None
        self._idle = threading.Event()
        self._idle.set()

    def handle(self, line: bytes) -> None:
        """Answer one line, now or later; never wait."""
        try:
            message = protocol.decode(line)
        except protocol.ProtocolError as error:
            self._tell(protocol.Failure(error.id, error))
            return
        if isinstance(message, protocol.Request):
            try:
                self._dispatch(message, line)
            except Exception as error:
                self._fail(message.id, error)

    def end(self, seconds: float = BYE_SECONDS) -> None:
        """End the line, and the worker there if it can be reached within some seconds; else the grace time ends it."""
        if self._started and self._lost is None:
            self._channel.send("bye")
            self._channel.flush(seconds)
        self._line.end()

    def _dispatch(self, request: protocol.Request, line: bytes) -> None:
        params = request.params
        if isinstance(params, protocol.Ping):
            self._tell(protocol.Answer(request.id, protocol.Done()))
        elif isinstance(params, protocol.Shutdown):
            self._tell(protocol.Answer(request.id, protocol.Done()))
            self.end()
            self._on_end()
        elif isinstance(params, protocol.Cancel):
            self._cancel(request, params)
        elif isinstance(params, MODELS):
            raise RemoteError(
                f"Models for {self._place.host} are downloaded on that computer.",
                f"Run there: actionmesh download --help, or through: ssh {self._place.host}.",
            )
        elif isinstance(params, JOBS):
            self._begin(request, params)
        else:
            self._forward(request.id, line)

    def _forward(self, id: protocol.JobId, line: bytes) -> None:
        """Pass a request on as it is; start the line with the first one."""
        with self._lock:
            if self._lost is not None:
                raise self._lost
            self._pending.add(id)
        self._channel.send("line", line)
        self._start()

    def _start(self) -> None:
        if not self._started:
            self._started = True
            try:
                self._place.check()
            except RemoteError as error:
                self._lose(error)
                return
            self._line.start()

    def _begin(self, request: protocol.Request, params: Any) -> None:
        with self._lock:
            if self._job is not None:
                problem = f"Job {self._job.id} is running."
                raise protocol.ProtocolError(Kind.BUSY, problem, "Wait for it, or cancel it.")
            job = self._job = _Job(request.id)
        self._start()
        threading.Thread(target=self._run, args=(job, params), name="job", daemon=True).start()

    def _run(self, job: "_Job", params: Any) -> None:
        """Do a job: send its files, let the worker there do it, fetch its results, and answer."""
        number = self._exchange.next_job()
        keep = False
        try:
            self._wait_for_worker(job)
            parcel = pack(params)
            told = self._done_there(job, number, parcel)
            if "result" in told:
                keep = True
                report = self._reporter(job, Stage.FETCHING)
                self._exchange.fetch(number, *parcel.answered(told["result"]), report, job.check)
                keep = False
                told["result"]["out"] = params.out
            else:
                self._fetch_remains(job, number, parcel)
            line = json.dumps(told).encode("ascii") + b"\n"
            self._release(job)
            self._send(line)
        except BaseException as error:
            self._release(job)
            self._fail(job.id, self._kept_there(error, number) if keep else error)
        finally:
            self._exchange.drop(number, keep)
            job.over.set()

    def _wait_for_worker(self, job: "_Job") -> None:
        """Wait until the worker is done with a job that was given up while the line was cut."""
        while not self._idle.wait(LOOK_SECONDS):
            self._check(job)

    def _done_there(self, job: "_Job", number: int, parcel: Parcel) -> dict[str, Any]:
        """Send a parcel and its request; return the worker's answer in this computer's names."""
        folder = self._exchange.send(number, parcel, self._reporter(job, Stage.SENDING), lambda: self._check(job))
        self._check(job)
        request = protocol.encode(protocol.Request(job.id, parcel.addressed(folder)))
        if len(request) > protocol.MAX_LINE:
            raise RemoteError("The names of the job's files are too long to be sent.", "Use shorter paths.")
        job.parcel, job.folder = parcel, folder
        self._idle.clear()
        self._channel.send("line", request)
        if job.cancelled.is_set():  # the request to stop may have gone before the job
            self._send_cancel(job)
        while True:
            with suppress(queue.Empty):
                told: dict[str, Any] = parcel.translated(job.answer.get(timeout=LOOK_SECONDS), folder)
                return told
            if job.cancelled.is_set() and not self._channel.joined:
                raise Cancelled()
            if self._lost is not None:
                raise self._lost

    def _fetch_remains(self, job: "_Job", number: int, parcel: Parcel) -> None:
        """Fetch what a failed job has left, if it has."""
        for name, place in parcel.remains():
            with suppress(ActionMeshError):
                report = self._reporter(job, Stage.FETCHING)
                self._exchange.fetch(number, (name,), (place,), report, lambda: None)

    def _check(self, job: "_Job") -> None:
        job.check()
        if self._lost is not None:
            raise self._lost

    def _kept_there(self, error: BaseException, number: int) -> BaseException:
        """Return the error, with where the finished result is if it could not be fetched or written."""
        if isinstance(error, Cancelled) or not isinstance(error, ActionMeshError):
            return error
        place = f"{self._place.host}:{self._exchange.folder_of(number)}/out"
        problem = f"{error.problem} The result is not lost: it is kept for a week in {place}."
        kind = RemoteError if isinstance(error, RemoteError) else type(error)
        return kind(problem, error.cure)

    def _release(self, job: "_Job") -> None:
        with self._lock:
            if self._job is job:
                self._job = None

    def _cancel(self, request: protocol.Request, params: protocol.Cancel) -> None:
        with self._lock:
            job = self._job
        runs = job is not None and job.id == params.job
        self._tell(protocol.Answer(request.id, protocol.CancelAnswer(runs)))
        if runs and job is not None:
            job.cancelled.set()
            if job.parcel is not None:
                self._send_cancel(job)

    def _send_cancel(self, job: "_Job") -> None:
        self._channel.send("line", protocol.encode(protocol.Request("cancel", protocol.Cancel(job.id))))

    def _reporter(self, job: "_Job", stage: Stage) -> Callable[[int, int], None]:
        def report(step: int, total: int) -> None:
            self._tell_progress(job, stage, step, total)

        return report

    def _tell_progress(self, job: "_Job", stage: Stage, step: int, total: int) -> None:
        notice = protocol.ProgressNotice(job.id, stage, step, total, None, item=self._place.host)
        self._tell(protocol.Notice(notice))

    def _hear(self, frame: Frame) -> None:
        """Take a frame from the other computer."""
        if frame.kind == "line":
            self._hear_worker(frame.payload)
        elif frame.kind == "log":
            self._log(frame.payload.decode("utf-8", "replace"))
        elif frame.kind == "ended":
            self._lose(self._ended(frame.facts.get("code")), BYE_SECONDS)
        else:
            self._exchange.hear(frame)

    def _hear_worker(self, line: bytes) -> None:
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            self._send(line)  # the client counts what is no message
            return
        id, job = told.get("id"), self._job
        if "method" in told:
            if job is not None and job.parcel is not None:
                line = json.dumps(job.parcel.translated(told, job.folder)).encode("ascii") + b"\n"
            self._send(line)
        elif id in self._pending:
            self._pending.discard(id)
            self._send(line)
        elif isinstance(id, int):
            self._idle.set()
            if job is not None and job.id == id:
                job.answer.put(told)

    def _line_is_up(self) -> None:
        self._log(f"Connected to {self._place.host}.\n")

    def _line_is_cut(self) -> None:
        self._log(f"The connection to {self._place.host} was lost; reconnecting.\n")
        if (job := self._job) is not None and self._lost is None:
            self._tell_progress(job, Stage.WAITING, 0, 1)

    def _lose(self, error: RemoteError, seconds: float = 0.0) -> None:
        """Answer everything with why the worker there is lost; take some seconds to tell its holder so."""
        with self._lock:
            if self._lost is not None:
                return
            self._lost = error
            pending, self._pending = self._pending, set()
            job = self._job
        for id in pending:
            self._fail(id, error)
        threading.Thread(target=self._end_after, args=(job, seconds), daemon=True).start()

    def _end_after(self, job: "_Job | None", seconds: float) -> None:
        if seconds:
            self._channel.send("bye")
            self._channel.flush(seconds)
        self._line.end()
        if job is not None:
            job.over.wait()
        self._on_end()

    def _why_lost(self) -> RemoteError | None:
        return self._lost

    def _ended(self, code: object) -> RemoteError:
        how = f"exit code {code}"
        if isinstance(code, int) and code < 0:
            how = "killed, perhaps because memory ran out" if code == -9 else f"signal {-code}"
        return RemoteError(f"The worker on {self._place.host} stopped unexpectedly ({how}).", "Run the job again.")

    def _fail(self, id: protocol.JobId, error: BaseException) -> None:
        failure = explain(error)
        if failure.kind is Kind.INTERNAL:
            import traceback

            traceback.print_exception(error)
        self._tell(protocol.Failure(id, failure))

    def _tell(self, message: protocol.Message) -> None:
        self._send(protocol.encode(message))


class _Job:
    """The running job."""

    def __init__(self, id: protocol.JobId):
        self.id = id
        self.cancelled, self.over = threading.Event(), threading.Event()
        self.answer: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.parcel: Parcel | None = None
        self.folder = ""

    def check(self) -> None:
        """Raise Cancelled if the user asked to stop."""
        if self.cancelled.is_set():
            raise Cancelled()


def serve(place: Place, commands: BinaryIO, answers: BinaryIO) -> None:
    """Answer `commands` until they end, the parent dies or a `shutdown` arrives; then end the process."""

    def leave() -> None:
        writer.close(BYE_SECONDS)
        os._exit(0)

    def end(*signal_and_frame: object) -> None:
        relay.end()
        leave()

    writer = LineWriter(answers, on_broken=lambda: end())
    relay = Relay(place, writer.put, leave, _log)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=end, daemon=True).start())
    if os.name == "posix":
        threading.Thread(target=end_with_parent, args=(os.getppid(), end), daemon=True).start()
    while line := commands.readline(protocol.MAX_LINE + 1):
        relay.handle(line)
    end()


def serve_elsewhere(words: list[str], commands: BinaryIO, answers: BinaryIO) -> None:
    """Do what `serve` does for the place that the words of a command name, see `Place`."""
    parser = argparse.ArgumentParser()
    add_place(parser)
    chosen = parser.parse_args(words)
    serve(Place(chosen.host, chosen.port, chosen.host_backend, chosen.host_minutes), commands, answers)


def _log(text: str) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()
