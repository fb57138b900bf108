"""How the command line ends when it is told to: one sentence, the exit code that shells expect, and nothing half-written.

Ctrl-C, a terminal that closes and `kill` raise in the main thread, so that every `finally` on the way out is run. What a
shell has made deaf to a signal (`nohup`) stays so.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

EXIT_CANCELLED = 130
OF_A_SIGNAL = 128
"""What is added to a signal's number."""
NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Ended(KeyboardInterrupt):
    """A signal asked the program to end."""

    def __init__(self, number: int):
        super().__init__()
        self.number = number


class Signals:
    """Whether the program was told to end, and by what: what it raises then may reach us as another error."""

    def __init__(self) -> None:
        self.number: int | None = None

    def tell(self, number: int, frame: object) -> None:
        """Answer a signal: the first one raises; the way out is not interrupted by those after it but Ctrl-C."""
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
    """Let signals raise `Ended` for the length of a block; only the main thread may ask for that."""
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


def discard_parts() -> None:
    """Remove what is half-written, if anything was; whoever is asked to leave twice still does this."""
    if parts := sys.modules.get("actionmesh.output.parts"):
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        parts.discard_all()


def leave(number: int, frame: object) -> None:
    """Answer Ctrl-C where nothing is under way: while the program starts, and when it is done."""
    with suppress(OSError):
        os.write(2, b"\nCancelled.\n")
    os._exit(EXIT_CANCELLED)
