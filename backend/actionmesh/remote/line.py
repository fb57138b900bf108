"""The line to the holder on the other computer: ssh, started again if it was cut, until that takes too long."""

import json
import subprocess
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any

from .. import __version__, protocol
from ..errors import RemoteError
from .channel import Channel
from .frames import Frame, encode, read_frame, read_frames
from .place import Place
from .ssh_words import explain_end, is_hopeless

VERSION = 1
"""Of the frames and of what `attach` says first."""
MARK = b"ACTIONMESH-REMOTE "
"""Begins the first line that counts: a shell may greet before it."""
GO = b"go\n"
"""The answer to it: nothing is started there for a client of another version."""
MOST_GREETING = 1 << 16
START_SECONDS = 90.0
"""Seconds for ssh and a Python there to answer."""
BEAT_SECONDS, SILENT_SECONDS = 5.0, 45.0
"""Seconds between two signs of life, and without any until the line counts as cut."""
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds before each attempt to restore the line; the last one stays."""
KEPT_LINES = 30


class Line:
    """Keeps a line, in a thread of its own.

    Args:
        session: identifies the holder.
        channel: what goes over the line.
        on_up: called when the line is there, the first time and again.
        on_cut: called when it was cut and is tried again.
        on_lost: called once, with the reason, when it is given up.
        log: receives texts for the log.
    """

    def __init__(
        self,
        place: Place,
        session: str,
        channel: Channel,
        on_up: Callable[[], None],
        on_cut: Callable[[], None],
        on_lost: Callable[[RemoteError], None],
        log: Callable[[str], object],
    ):
        self._place, self._session, self._channel = place, session, channel
        self._on_up, self._on_cut, self._on_lost, self._log = on_up, on_cut, on_lost, log
        self._ending = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._keep, self._watch)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """End the line; the holder is told otherwise, see `relay`."""
        self._ending.set()
        self._channel.leave()
        self._kill()

    def _kill(self) -> None:
        if (process := self._process) is not None:
            with suppress(OSError):
                process.kill()

    def _watch(self) -> None:
        """Send signs of life, and cut a line that has had none for too long."""
        while not self._ending.wait(BEAT_SECONDS):
            self._channel.beat()
            if self._channel.joined and time.monotonic() - self._channel.heard > SILENT_SECONDS:
                self._kill()

    def _keep(self) -> None:
        try:
            self._until_cut(again=False)
            while not self._ending.is_set():
                self._on_cut()
                self._restore()
        except RemoteError as error:
            if not self._ending.is_set():
                self._on_lost(error)
        except Exception as error:
            self._log("".join(traceback.format_exception(error)))
            name = type(error).__name__
            self._on_lost(
                RemoteError(
                    f"The line to {self._place.host} failed because of a bug in ActionMesh ({name}).",
                    "Please report it with the log.",
                )
            )

    def _restore(self) -> None:
        """Restore the line and use it until it is cut again; raise RemoteError if that takes too long."""
        end, attempt = time.monotonic() + self._place.seconds, 0
        while not self._ending.wait(PAUSES[min(attempt, len(PAUSES) - 1)]):
            attempt += 1
            try:
                self._until_cut(again=True)
                return
            except _Unreached as error:
                if error.hopeless:
                    raise
                if time.monotonic() > end:
                    raise RemoteError(
                        f"The line to {self._place.host} was cut and could not be restored for "
                        f"{self._place.minutes:g} minutes.",
                        "Run the job again when the computer can be reached; the files sent so far are kept there.",
                    ) from error

    def _until_cut(self, again: bool) -> None:
        """Start ssh and read what comes until the line is cut; raise _Unreached if it never stood."""
        words = ["remote", "attach", self._session, "--seconds", f"{self._place.seconds:g}"]
        command = self._place.command(*words, *(["--again"] if again else []))
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                start_new_session=True,
            )
        except FileNotFoundError as error:
            problem = "The program ssh, which reaches other computers, was not found."
            raise RemoteError(problem, "Install OpenSSH (Windows: Settings > Optional Features).") from error
        except OSError as error:
            raise RemoteError(f"The program ssh cannot be started ({error.strerror}).", "Install OpenSSH.") from error
        self._process = process
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        told: deque[str] = deque(maxlen=KEPT_LINES)
        listener = threading.Thread(target=self._listen, args=(process.stderr, told), daemon=True)
        listener.start()
        if self._ending.is_set():
            process.kill()
        try:
            received = self._meet(process.stdin, process.stdout)
            if received is None:
                code = _end(process)
                listener.join(1.0)
                text = "\n".join(told)
                why = explain_end(self._place, code, text)
                raise _Unreached(why.problem, why.cure, is_hopeless(self._place, code, text))
            self._channel.join(process.stdin, received)
            self._on_up()
            self._read(process.stdout)
        finally:
            self._channel.leave()
            _end(process)

    def _read(self, output: IO[bytes]) -> None:
        try:
            for frame in read_frames(output):
                self._channel.hear(frame)
        except Exception as error:  # whatever the other side sends, the next line may bring what is right
            self._log(f"The line to {self._place.host} is cut ({type(error).__name__}: {error}).\n")

    def _meet(self, pipe: IO[bytes], output: IO[bytes]) -> int | None:
        """Return how many frames the other side has received; None if ssh ended or took too long.

        Raises:
            _Unreached: it has another version, or no longer knows the session.
        """
        patience = threading.Timer(START_SECONDS, self._kill)
        patience.daemon = True
        patience.start()
        try:
            facts = _read_greeting(output)
            if facts is None:
                return None
            self._check(facts)
            pipe.write(GO + encode(Frame("resume", facts={"received": self._channel.received})))
            pipe.flush()
            frame = read_frame(output)
            if frame is None or frame.kind != "resumed":
                return None
            return int(frame.facts.get("received", -1))
        except (OSError, ValueError):
            return None
        finally:
            patience.cancel()

    def _listen(self, errors: IO[bytes], told: "deque[str]") -> None:
        """Keep what ssh complains of, and copy it to the log."""
        with suppress(OSError, ValueError), errors:
            for line in errors:
                text = line.decode("utf-8", "replace").rstrip()[:500]
                told.append(text)
                self._log(f"ssh: {text}\n")

    def _check(self, facts: dict[str, Any]) -> None:
        host = self._place.host
        ours, theirs = (VERSION, protocol.VERSION), (facts.get("remote"), facts.get("protocol"))
        if ours != theirs:
            raise _Unreached(
                f"{host} has ActionMesh {facts.get('version')}, which speaks protocol {theirs[1]}; this computer has "
                f"{__version__}, which speaks {ours[1]}.",
                "Install the same version on both.",
                hopeless=True,
            )
        if facts.get("fault"):
            raise _Unreached(f"{host}: {str(facts['fault'])[:300]}", str(facts.get("cure", ""))[:300], hopeless=True)


class _Unreached(RemoteError):
    """The line never stood; `hopeless` if it would not stand the next time either."""

    def __init__(self, problem: str, cure: str, hopeless: bool):
        super().__init__(problem, cure)
        self.hopeless = hopeless


def _read_greeting(output: IO[bytes]) -> dict[str, Any] | None:
    """Return the facts of the first line with MARK; None if the output ends before it, or greets without end."""
    read = 0
    while read < MOST_GREETING and (line := output.readline(MOST_GREETING)):
        read += len(line)
        if line.startswith(MARK):
            facts = json.loads(line.removeprefix(MARK))
            return facts if isinstance(facts, dict) else None
    return None


def _end(process: "subprocess.Popen[bytes]") -> int | None:
    """Wait a moment for ssh to end, then kill it; return its exit code."""
    with suppress(subprocess.TimeoutExpired):
        return process.wait(1.0)
    process.kill()
    return process.wait()
