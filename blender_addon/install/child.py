"""A program that the installer runs: its lines are kept in the log, and a cancel ends it and what it started."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import IO

from ..pipes import exit_in_words

TICK = 0.5
KEPT_LINES = 60


class Cancelled(Exception):
    """The artist wants it no more."""


@dataclass(frozen=True)
class Ended:
    """How a program ended: its exit code and its last lines."""

    code: int
    tail: str


class Children:
    """Runs one program after the other.

    Args:
        cancelled: set when the artist cancels.
        log: where what they print goes.
    """

    def __init__(self, cancelled: Event, log: IO[str]):
        self.cancelled, self._log = cancelled, log

    def write(self, text: str) -> None:
        """Keep a line in the log, without names and passwords that are in URLs."""
        self._log.write(f"{time.strftime('%H:%M:%S')} {without_secrets(text)}\n")
        self._log.flush()

    def check(self) -> None:
        """Raise Cancelled if the artist cancelled."""
        if self.cancelled.is_set():
            raise Cancelled

    def run(
        self,
        command: list[str],
        variables: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] = lambda line: None,
        on_tick: Callable[[], None] = lambda: None,
    ) -> Ended:
        """Run a program to its end, telling its lines, and twice a second that time goes on.

        Raises:
            Cancelled: it was ended because the artist cancelled.
            OSError: it cannot be started.
        """
        self.check()
        self.write("$ " + " ".join("(a program)" if "\n" in word else word for word in command))
        process, lines = _start(command, {**os.environ, **(variables or {})})
        last: deque[str] = deque(maxlen=KEPT_LINES)
        try:
            while (line := self._next(lines, on_tick)) is not None:
                if line:
                    last.append(line)
                    self.write(line)
                    on_line(line)
        except BaseException:
            _kill(process)
            raise
        if (code := process.wait()) < 0:
            last.append(f"It was ended: {exit_in_words(code)}")
        return Ended(code, "\n".join(last))

    def _next(self, lines: SimpleQueue[str | None], on_tick: Callable[[], None]) -> str | None:
        """Return the next line, empty if none has come by the next tick, and None after the last."""
        self.check()
        try:
            return lines.get(timeout=TICK)
        except Empty:
            on_tick()
            return ""


def without_secrets(text: str) -> str:
    return re.sub(r"//[^/@\s]+@", "//***@", text)


def _start(command: list[str], variables: Mapping[str, str]) -> tuple[subprocess.Popen[str], SimpleQueue[str | None]]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=variables,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        start_new_session=True,
    )
    lines: SimpleQueue[str | None] = SimpleQueue()
    assert process.stdout is not None
    Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
    return process, lines


def _read(output: IO[str], lines: SimpleQueue[str | None]) -> None:
    with output:
        for line in output:
            lines.put(line.rstrip())
    lines.put(None)


def _kill(process: subprocess.Popen[str]) -> None:
    """End a program and its own children, which hold files open that are about to be removed."""
    try:
        if sys.platform == "win32":
            subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True)
        else:
            os.killpg(process.pid, signal.SIGKILL)
    except OSError:
        process.kill()
    process.wait()
