"""Run the installer's programs: log their output, and stop them and their children on a cancel."""

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

from ..process.pipes import exit_in_words

TICK = 0.5
KEPT_LINES = 60


class Cancelled(Exception):
    """The artist cancelled the installation."""


@dataclass(frozen=True)
class Ended:
    """The exit code and the last lines of a program that ended."""

    code: int
    tail: str


class Children:
    """Runs one program after another.

    Args:
        cancelled: set when the artist cancels.
        log: receives everything that the programs print.
    """

    def __init__(self, cancelled: Event, log: IO[str]):
        self.cancelled, self._log = cancelled, log

    def write(self, text: str) -> None:
        """Write a line to the log, without the names and passwords in URLs."""
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
        """Run a program to its end; call `on_line` for every line and `on_tick` twice a second while it is silent.

        Raises:
            Cancelled: the artist cancelled, and the program was stopped.
            OSError: the program cannot be started.
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
            last.append(f"It was stopped: {exit_in_words(code)}")
        return Ended(code, "\n".join(last))

    def _next(self, lines: SimpleQueue[str | None], on_tick: Callable[[], None]) -> str | None:
        """Return the next line; an empty one if none arrives before the next tick, and None after the last."""
        self.check()
        try:
            return lines.get(timeout=TICK)
        except Empty:
            on_tick()
            return ""


def without_secrets(text: str) -> str:
    """Mask the names and passwords in the URLs of a text."""
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
    """Kill a program and its children, which hold files open that are about to be removed."""
    try:
        if sys.platform == "win32":
            subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True)
        else:
            os.killpg(process.pid, signal.SIGKILL)
    except OSError:
        process.kill()
    process.wait()
