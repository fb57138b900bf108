"""Send the worker's messages: from any thread, in one order, written by a dedicated thread.

A client that does not read blocks only that thread; the worker still hears its client, and ends with it.
"""

import logging
import time
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread, current_thread
from typing import BinaryIO

from .progress import ProgressEvent
from .protocol import LogLevel, LogNotice, Message, Notice, encode

SECONDS_BETWEEN_NOTICES = 0.1


class LineWriter:
    """Queues lines for `file`; calls `on_broken` when the reader has gone."""

    def __init__(self, file: BinaryIO, on_broken: Callable[[], None]):
        self._file = file
        self._on_broken = on_broken
        self._lines: SimpleQueue[bytes | None] = SimpleQueue()
        self._writer = Thread(target=self._write_all, name="outbox", daemon=True)
        self._writer.start()

    def put(self, line: bytes) -> None:
        self._lines.put(line)

    def close(self, timeout: float) -> None:
        """Wait at most `timeout` seconds until everything is written; do not wait if `on_broken` calls this."""
        self._lines.put(None)
        if current_thread() is not self._writer:
            self._writer.join(timeout)

    def _write_all(self) -> None:
        try:
            for line in iter(self._lines.get, None):
                self._file.write(line)
                self._file.flush()
        except OSError:
            self._on_broken()


class Outbox(LineWriter):
    """Queues messages."""

    def send(self, message: Message) -> None:
        self.put(encode(message))


class LogForwarder(logging.Handler):
    """Sends warnings and errors to the client, one sentence each; tracebacks stay in the log."""

    def __init__(self, outbox: Outbox):
        super().__init__(logging.WARNING)
        self._outbox = outbox

    def emit(self, record: logging.LogRecord) -> None:
        level = LogLevel.ERROR if record.levelno >= logging.ERROR else LogLevel.WARNING
        try:
            self._outbox.send(Notice(LogNotice(level, record.getMessage())))
        except Exception:  # a library's message may not fit its own arguments
            self.handleError(record)


class Throttle:
    """Lets the first and the last event of every stage pass, and the others at most ten times a second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._last = -SECONDS_BETWEEN_NOTICES

    def passes(self, event: ProgressEvent) -> bool:
        now = self._clock()
        if event.step not in (0, event.total) and now - self._last < SECONDS_BETWEEN_NOTICES:
            return False
        self._last = now
        return True
