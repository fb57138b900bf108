"""One stream of frames over lines that may be cut: each frame arrives once and in order.

Both sides number their frames and keep each until the other side has confirmed it. When a new line is there, each side
first says how many frames it has received (`received`), and gets those that it lacks. Frames are written by a thread,
so that `send` does not wait for the pipe.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import IO, Any

from .frames import CONTROL, Frame, encode

ACK, BEAT, BEATEN = "ack", "beat", "beaten"
WINDOW = 2 << 20
"""Bytes that may wait for a confirmation before a sender that can wait does. More would delay a cancel."""
PAUSE = 0.1
"""Seconds between two checks of a sender that waits."""


class Channel:
    """One side of the stream.

    Args:
        deliver: receives the other side's frames; it must not wait for long.
        clock: returns the time in seconds.
    """

    def __init__(self, deliver: Callable[[Frame], None], clock: Callable[[], float] = time.monotonic):
        self._deliver, self._clock = deliver, clock
        self._changed = threading.Condition()
        self._sent = self._confirmed = 0
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._bytes = 0
        self._queue: SimpleQueue[bytes | None] | None = None
        self.received = 0
        self.heard = clock()
        """When anything last arrived."""

    def send(self, kind: str, payload: bytes = b"", check: Callable[[], object] | None = None, **facts: Any) -> None:
        """Send a frame now, or as soon as there is a line.

        Args:
            check: if given, wait for room within WINDOW, and call this meanwhile; it raises to give up.
        """
        with self._changed:
            while check is not None and self._bytes > WINDOW:
                check()
                self._changed.wait(PAUSE)
            self._sent += 1
            data = encode(Frame(kind, self._sent, facts, payload))
            self._waiting.append((self._sent, data))
            self._bytes += len(data)
            if self._queue is not None:
                self._queue.put(data)

    def beat(self) -> None:
        """Let the other side know that this one is there, and ask for the same."""
        self._control(Frame(BEAT))

    def join(self, file: IO[bytes], received: int) -> None:
        """Write to a new line from now on, beginning with what the other side lacks.

        Args:
            file: the line; it is closed when it is left.
            received: how many frames the other side has.
        Raises:
            ValueError: these are frames that were never sent, or that were confirmed and are gone.
        """
        with self._changed:
            if not self._confirmed <= received <= self._sent:
                raise ValueError(f"the other side has {received} frames of {self._sent}")
            self._confirm(received)
            self._queue = SimpleQueue()
            for _, data in self._waiting:
                self._queue.put(data)
            self.heard = self._clock()
            threading.Thread(target=_write_all, args=(file, self._queue), name="line", daemon=True).start()

    def leave(self) -> None:
        """Stop writing to the line, because it was cut."""
        with self._changed:
            if self._queue is not None:
                self._queue.put(None)
            self._queue = None

    @property
    def joined(self) -> bool:
        return self._queue is not None

    def flush(self, seconds: float) -> bool:
        """Wait until everything is confirmed, at most some seconds; return whether it is."""
        end = self._clock() + seconds
        with self._changed:
            while self._waiting and self._clock() < end:
                self._changed.wait(PAUSE)
            return not self._waiting

    def hear(self, frame: Frame) -> None:
        """Take a frame that arrived.

        Raises:
            ValueError: frames before it are missing.
        """
        self.heard = self._clock()
        if frame.kind == ACK:
            with self._changed:
                self._confirm(int(frame.facts.get("received", 0)))
            return
        if frame.kind == BEAT:
            self._control(Frame(BEATEN))
        if frame.number == CONTROL or frame.number <= self.received:
            return
        if frame.number != self.received + 1:
            raise ValueError(f"frame {frame.number} came after {self.received}")
        self.received = frame.number
        self._control(Frame(ACK, facts={"received": self.received}))
        self._deliver(frame)

    def _confirm(self, received: int) -> None:
        self._confirmed = max(self._confirmed, min(received, self._sent))
        while self._waiting and self._waiting[0][0] <= self._confirmed:
            self._bytes -= len(self._waiting.popleft()[1])
        self._changed.notify_all()

    def _control(self, frame: Frame) -> None:
        with self._changed:
            if self._queue is not None:
                self._queue.put(encode(frame))


def _write_all(file: IO[bytes], queue: "SimpleQueue[bytes | None]") -> None:
    """Write to a line until it is left or breaks; who reads from it notices the latter."""
    with suppress(OSError, ValueError):
        for data in iter(queue.get, None):
            file.write(data)
            file.flush()
    with suppress(OSError, ValueError):
        file.close()
