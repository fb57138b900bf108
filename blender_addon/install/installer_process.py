"""Start, poll and cancel the installer's process from Blender's timer."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import BinaryIO

from ..process import log_file, pipes
from ..process.backend_locator import user_folder
from .messages import Failed, Finished, Message, Planned, Request, decode, encode_request

ENDS = (Planned, Finished, Failed)
MAIN = Path(__file__).with_name("main.py")


def logs_folder() -> Path:
    return user_folder() / "logs" / "install"


def newest_log() -> Path | None:
    """Return the log of the latest installation; None before the first."""
    return max(logs_folder().glob("*.log"), default=None)


class Session:
    """One run of the installer.

    Args:
        request: the task.
        python: the Python that runs it; if empty, Blender's own.
    Raises:
        ArtistError: the process cannot be started, or its log cannot be written.
    """

    def __init__(self, request: Request, python: str = ""):
        self.request = request
        self.log = log_file.new_log(logs_folder())
        self._over = False
        self._process = pipes.start([python or sys.executable, "-I", "-B", str(MAIN)], self.log, {})
        self._inbox: SimpleQueue[Message | None] = SimpleQueue()
        assert self._process.stdin is not None and self._process.stdout is not None
        Thread(target=_read, args=(self._process.stdout, self._inbox), daemon=True).start()
        self._process.stdin.write(encode_request(request))  # fits into the pipe's buffer, so this cannot block
        self._process.stdin.flush()

    @property
    def is_over(self) -> bool:
        return self._over

    def poll(self) -> list[Message]:
        """Return the messages since the last call; the final one is Planned, Finished or Failed."""
        heard: list[Message] = []
        while not self._over:
            try:
                message = self._inbox.get_nowait()
            except Empty:
                return heard
            heard.append(message or self._died())
            self._over = isinstance(heard[-1], ENDS)
        return heard

    def cancel(self) -> None:
        """Ask the process and its programs to stop; the last message confirms it."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except OSError:
            return

    def close(self, grace: float = 5.0) -> None:
        """Stop the process because Blender exits or the extension is disabled."""
        self.cancel()
        pipes.end(self._process, grace, wait=False)

    def _died(self) -> Failed:
        try:
            code = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            code = 0
        words = log_file.tail(self.log).splitlines()[-1:]
        problem = f"The installer stopped unexpectedly ({pipes.exit_in_words(code)}). {' '.join(words)}".strip()
        return Failed(problem, "Press the button again: it continues where it stopped.")


def _read(output: BinaryIO, inbox: SimpleQueue[Message | None]) -> None:
    with suppress(OSError), output:
        for line in output:
            if message := decode(line):
                inbox.put(message)
    inbox.put(None)
