"""End the command line cleanly on a signal: one sentence, the exit code that shells expect, no half-written files.

Ctrl-C, a closing terminal and `kill` raise in the main thread, so that every `finally` on the way out runs. A signal
that the shell set to be ignored (`nohup`) stays ignored.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event
from types import FrameType

EXIT_CANCELLED = 130
OF_A_SIGNAL = 128
"""Added to a signal's number to get the exit code."""
PARENT_CHECK = 0.2
"""Seconds between two checks whether the parent process is alive."""
NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Ended(KeyboardInterrupt):
    """A signal asked the program to end."""

    def __init__(self, number: int):
        super().__init__()
        self.number = number


class Signals:
    """Remembers which signal asked the program to end, because a library may turn the exception into another one."""

    def __init__(self) -> None:
        self.number: int | None = None

    def tell(self, number: int, frame: object) -> None:
        """Answer a signal: the first one raises. After that only Ctrl-C can interrupt the clean-up."""
        if self.number is not None and number != signal.SIGINT:
            return
        self.number = number
        raise Ended(number)

    @property
    def exit_code(self) -> int:
        return OF_A_SIGNAL + (self.number or signal.SIGINT)

    @property
    def sentence(self) -> str:
        if self.number in (None, signal.SIGINT):
            return "Cancelled."
        return f"Ended by {signal.Signals(self.number or 0).name}; nothing is left half-written."


@contextmanager
def heard_signals() -> Iterator[Signals]:
    """Make signals raise `Ended` inside the block; only the main thread may do this."""
    signals = Signals()
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (getattr(signal, name) for name in NAMES if hasattr(signal, name)):
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, signals.tell)
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_with_parent(parent: int, end: Callable[[], object]) -> None:
    """Call `end` when the parent process dies.

    The end of input normally reports a dead parent, but not if another process holds the pipe open. Linux's
    PR_SET_PDEATHSIG does not help: it fires when the *thread* that started the worker ends.
    """
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK)
    end()


@contextmanager
def interrupts() -> Iterator[Event]:
    """Yield an event that Ctrl-C sets, so that the job stops between two steps; a second Ctrl-C stops it at once."""
    asked = Event()
    before = signal.getsignal(signal.SIGINT)

    def stop(number: int, frame: FrameType | None) -> None:
        if asked.is_set() and callable(before):
            before(number, frame)
        asked.set()
        with suppress(OSError):
            os.write(2, b"\nStopping after this step; press Ctrl-C again to stop at once.\n")

    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, stop)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


def discard_parts() -> None:
    """Remove half-written files, if there are any, even if a second signal asks the program to stop."""
    if parts := sys.modules.get("actionmesh.files.parts"):
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        parts.discard_all()


def leave(number: int, frame: object) -> None:
    """Answer Ctrl-C while no job runs: during start-up, and after the work is done."""
    with suppress(OSError):
        os.write(2, b"\nCancelled.\n")
    os._exit(EXIT_CANCELLED)
