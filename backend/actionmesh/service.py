"""Handle the worker's messages: one job at a time in its own thread, while the reader keeps listening.

The reading thread does nothing slow and never writes to the log, because a client that does not drain the log would
block it. It therefore notices `cancel` and the end of input at once.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from threading import Event, Lock, Thread
from typing import Any, BinaryIO

from . import frame_numbers, host_memory, jobs, protocol
from .ending import end_with_parent
from .errors import Cancelled
from .failures import explain
from .generation import generate
from .job_slot import JobSlot
from .model_requests import download, remove_models
from .outbox import LogForwarder, Outbox, Throttle
from .progress import Progress, ProgressEvent
from .protocol import Kind, LogLevel, ProtocolError
from .rig_job import rig
from .track_job import track

LIBRARY_CHECK = 0.1
"""Seconds between two checks whether a job that waits for libraries has been cancelled."""
GRACE = 0.9
"""Seconds that a job gets to stop and clean up when the worker ends."""
FAREWELL = 0.4
"""Seconds after that for sending the last messages; the three together stay safely below two seconds."""

log = logging.getLogger("actionmesh")


class Service:
    """Answer messages; see `protocol` for what each one means."""

    def __init__(self, answers: BinaryIO):
        self._outbox = Outbox(answers, on_broken=self.end)
        self._slot = JobSlot()
        self._kept = jobs.KeptModel()
        self._libraries = Lock()  # jobs import libraries too; two threads that import transformers at once both fail
        logging.getLogger().addHandler(LogForwarder(self._outbox))

    def handle(self, line: bytes) -> None:
        """Answer one line, either at once or later from a thread."""
        try:
            message = protocol.decode(line)
        except ProtocolError as error:
            self._outbox.send(protocol.Failure(error.id, error))
            return
        except Exception as error:  # whatever this line contains, the next one must still be read
            self._outbox.send(protocol.Failure(None, explain(error)))
            return
        if not isinstance(message, protocol.Request):
            notice = protocol.LogNotice(LogLevel.WARNING, "A message that is not a request was ignored.")
            self._outbox.send(protocol.Notice(notice))
            return
        try:
            self._dispatch(message)
        except Exception as error:
            self._outbox.send(protocol.Failure(message.id, explain(error)))

    def end(self) -> None:
        """End the process, allowing limited time for the job to stop and the last messages to be sent."""
        self._slot.stop(GRACE)
        if parts := sys.modules.get("actionmesh.files.parts"):
            parts.discard_all()
        self._outbox.close(FAREWELL)
        os._exit(0)

    def end_soon(self, *signal_and_frame: object) -> None:
        """Handle a signal in a new thread, because the interrupted thread may hold a lock."""
        _in_thread(self.end)

    def _dispatch(self, request: protocol.Request) -> None:
        params, report = request.params, self._reporter(request.id)
        if isinstance(params, protocol.Initialize):
            _in_thread(self._introduce, request, params)
        elif isinstance(params, protocol.Ping):
            self._outbox.send(protocol.Answer(request.id, protocol.Done()))
        elif isinstance(params, protocol.Generate):
            self._start_job(request, lambda cancelled: generate(params, self._kept, report, cancelled.is_set))
        elif isinstance(params, protocol.Animate):
            self._start_job(request, lambda cancelled: jobs.run(params, self._kept, report, cancelled.is_set))
        elif isinstance(params, protocol.Rematch):
            self._start_job(request, lambda cancelled: jobs.rematch(params, self._kept, report, cancelled.is_set))
        elif isinstance(params, protocol.Look):
            self._start_job(request, lambda cancelled: jobs.look(params, self._kept, cancelled.is_set))
        elif isinstance(params, protocol.Track):
            self._start_job(request, lambda cancelled: track(params, self._kept, report, cancelled.is_set))
        elif isinstance(params, protocol.Rig):
            self._start_job(request, lambda cancelled: rig(params, report, cancelled.is_set))
        elif isinstance(params, protocol.Download):
            self._start_job(request, lambda cancelled: download(params, Progress(report, cancelled.is_set)))
        elif isinstance(params, protocol.RemoveModels):
            self._start_job(request, lambda cancelled: remove_models(params))
        elif isinstance(params, protocol.Unload):
            self._start_job(request, lambda cancelled: self._unload())
        elif isinstance(params, protocol.Cancel):
            self._outbox.send(protocol.Answer(request.id, protocol.CancelAnswer(self._slot.cancel(params.job))))
        else:
            assert isinstance(params, protocol.Shutdown)
            self._outbox.send(protocol.Answer(request.id, protocol.Done()))
            self.end()

    def _introduce(self, request: protocol.Request, params: protocol.Initialize) -> None:
        """Answer after importing the libraries that a job needs, so that the first job starts sooner.

        A brief client runs no job, so nothing is imported for it.
        """
        if not params.brief and self._libraries.acquire(blocking=False):
            try:
                jobs.import_libraries()
                host_memory.give_back()
            finally:
                self._libraries.release()
        self._reply(request, lambda: introduce(params))

    def _start_job(self, request: protocol.Request, work: Callable[[Event], Any]) -> None:
        cancelled = self._slot.take(request.id)
        try:
            _in_thread(self._do_job, request, lambda: work(cancelled), cancelled)
        except BaseException:
            self._slot.release()
            raise

    def _do_job(self, request: protocol.Request, work: Callable[[], Any], cancelled: Event) -> None:
        """Run and answer a job, then return its memory to the system once nothing refers to it."""

        def alone() -> Any:
            while not self._libraries.acquire(timeout=LIBRARY_CHECK):
                if cancelled.is_set():
                    raise Cancelled()
            try:
                return work()
            finally:
                self._libraries.release()

        self._reply(request, alone, self._slot.release)
        host_memory.give_back()

    def _reply(
        self, request: protocol.Request, work: Callable[[], Any], release: Callable[[], None] = lambda: None
    ) -> None:
        """Run `work` and send its answer; any exception becomes an error of a known kind."""
        answer = _answer(request.id, work)
        if isinstance(answer, protocol.Failure) and answer.error.kind is Kind.OUT_OF_MEMORY:
            self._unload()
        release()
        try:
            self._outbox.send(answer)
        except Exception as error:  # the answer cannot be encoded, but the client still waits for one
            log.exception("The answer to %s cannot be sent", request.id)
            self._outbox.send(protocol.Failure(request.id, explain(error)))

    def _reporter(self, id: protocol.JobId) -> Callable[[ProgressEvent], None]:
        """Return a function that forwards a job's progress, limited to a useful rate."""
        throttle = Throttle()

        def report(event: ProgressEvent) -> None:
            if throttle.passes(event):
                self._outbox.send(protocol.Notice(protocol.ProgressNotice(id, **vars(event))))

        return report

    def _unload(self) -> protocol.Done:
        self._kept.unload()
        host_memory.give_back()
        host_memory.leave_code()
        return protocol.Done()


def introduce(params: protocol.Initialize) -> protocol.Initialized:
    """Return the worker's versions, devices and checkpoints.

    Raises:
        ProtocolError: the client speaks another version of the protocol.
    """
    if params.protocol != protocol.VERSION:
        problem = f"The client speaks protocol {params.protocol}, the worker {protocol.VERSION}."
        raise ProtocolError(Kind.OTHER_VERSION, problem, "Install the same version of both.")
    frame_numbers.count_from(params.first_frame)
    if params.brief:
        return protocol.Initialized(protocol.VERSION, {}, (), ())
    from . import machine

    return protocol.Initialized(protocol.VERSION, machine.versions(), machine.devices(), machine.checkpoints())


def serve(commands: BinaryIO, answers: BinaryIO) -> None:
    """Answer `commands` until they end, the parent dies or a `shutdown` arrives; then end the process."""
    service = Service(answers)
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) is not signal.SIG_IGN:
            signal.signal(getattr(signal, name), service.end_soon)
    if os.name == "posix":
        Thread(target=end_with_parent, args=(os.getppid(), service.end), name="parent", daemon=True).start()
    for line in read_lines(commands):
        service.handle(line)
    service.end()


def read_lines(commands: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a pipe: only the start of a line over the protocol's limit, and no line that was cut off."""
    while line := commands.readline(protocol.MAX_LINE + 1):
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = commands.readline(protocol.MAX_LINE)
        if not rest:
            return
        if line.strip():
            yield line


def _in_thread(function: Callable[..., None], *arguments: Any) -> None:
    Thread(target=function, args=arguments, daemon=True).start()


def _answer(id: protocol.JobId, work: Callable[[], Any]) -> protocol.Answer | protocol.Failure:
    try:
        return protocol.Answer(id, work())
    except BaseException as error:
        failure = explain(error)
        if failure.kind is Kind.INTERNAL:
            log.exception("%s (job %s)", failure.problem, id)
        else:
            log.info("Request %s: %s", id, failure)
        return protocol.Failure(id, failure)
