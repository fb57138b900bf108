"""One worker of a batch: an actor that Ray runs in a process of its own, with its models loaded once.

It takes and answers lines of `protocol`, as the worker of Blender does. Ray calls its methods from several threads: one
does the job, the others report its progress or stop it.
"""

import json
import logging
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event

from .. import frame_numbers, host_memory, jobs
from ..failures import explain
from ..progress import ProgressEvent
from ..protocol import Animate, Answer, Failure, Kind, Notice, ProgressNotice, ProtocolError, Request, decode, encode

log = logging.getLogger("actionmesh")


class Worker:
    """Does one job at a time."""

    THREADS = 3
    """One each for the job, its progress and its end."""

    def __init__(self) -> None:
        package = str(Path(__file__).resolve().parents[1])
        sys.path[:] = [path for path in sys.path if os.path.realpath(path) != package]  # no second name for a module
        self._kept = jobs.KeptModel()
        self._stop = Event()
        self._latest: ProgressNotice | None = None

    def here(self) -> str:
        """Return JSON that says where the worker is; the first answer, before anything is imported."""
        return json.dumps({"host": socket.gethostname(), "process": os.getpid()})

    def ready(self, first_frame: int) -> bool:
        """Import what a job needs.

        Args:
            first_frame: the number that sentences give to a clip's first frame.
        """
        frame_numbers.count_from(first_frame)
        jobs.import_libraries()
        host_memory.give_back()
        return True

    def run(self, line: str) -> str:
        """Do the job of a request and return its answer, or its failure; nothing is raised."""
        request = decode(line.encode())
        assert isinstance(request, Request) and isinstance(request.params, Animate)
        self._stop.clear()
        try:
            job = request.params
            done = jobs.run(job, self._kept, self._reporter(request.id), self._stop.is_set)
            return encode(Answer(request.id, done)).decode()
        except BaseException as error:
            return encode(Failure(request.id, self._told(error))).decode()
        finally:
            self._latest = None
            host_memory.give_back()

    def progress(self) -> str:
        """Return the latest progress of the running job as a notice; empty if there is none."""
        latest = self._latest
        return encode(Notice(latest)).decode() if latest is not None else ""

    def stop(self) -> None:
        """Ask the running job to stop after its step."""
        self._stop.set()

    def _reporter(self, id: int | str) -> Callable[[ProgressEvent], None]:
        def report(event: ProgressEvent) -> None:
            self._latest = ProgressNotice(id, **vars(event))

        return report

    def _told(self, error: BaseException) -> ProtocolError:
        failure = explain(error)
        if failure.kind is Kind.INTERNAL:
            log.exception(failure.problem)
        elif failure.kind is Kind.OUT_OF_MEMORY:
            self._kept.unload()
        return failure
