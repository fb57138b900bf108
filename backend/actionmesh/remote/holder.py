"""The holder: keeps a worker and its job alive on the other computer while the line is cut, but not for ever.

It listens on a socket in a private folder, to which `attach` connects for each line. What the worker says is kept until
it has arrived on the other side. It ends with the worker, when the client says so, or when it has not heard from the
client for the grace time.
"""

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any

from .. import protocol
from .channel import Channel
from .frames import Frame, encode, read_frame, read_frames
from .store import Store, digests, remote_folder

SOCKET, LOCK = "socket", "lock"
WORKER = Path(__file__).absolute().parents[1] / "worker.py"
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
CHUNK = 1 << 18
LOOK_SECONDS = 0.2
PING_SECONDS, PATIENCE = 5.0, 120.0
"""Seconds between two questions whether the worker still answers, and without an answer until it is killed."""
END_SECONDS, FIRST_SECONDS = 3.0, 60.0
"""Seconds for the worker to end by itself, and for the first line to come."""
YOUNG_SECONDS = 60.0
"""Age of a session's folder from which on it is looked at: before that its holder may not have locked it yet."""
OWN = "holder"
"""The id of these questions."""


class Holder:
    """Holds one worker.

    Args:
        session: identifies it.
        grace: seconds without the client until it ends.
    """

    def __init__(self, session: str, grace: float):
        self._session, self._grace = session, grace
        self._store = Store(remote_folder())
        self._channel = Channel(self._take)
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._over = Event()
        self._jobs: set[str] = set()
        self._unwanted: set[str] = set()
        self._answered = self._asked = 0.0  # when the worker last said something, and the first question after that
        self._introduced = self._joined = False
        environment = {**os.environ, **OFFLINE}
        command = [sys.executable, "-I", "-B", str(WORKER)]
        self._worker = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )

    def run(self, listener: socket.socket) -> None:
        """Serve lines until it is over, then end the worker and forget the session's jobs."""
        for work in (self._read_worker, self._read_log, self._do_work, self._ask_worker):
            Thread(target=work, daemon=True).start()
        Thread(target=self._accept, args=(listener,), daemon=True).start()
        while not self._over.wait(LOOK_SECONDS):
            grace = self._grace if self._joined else min(self._grace, FIRST_SECONDS)
            if time.monotonic() - self._channel.heard > grace:
                print("Nothing was heard from the client within the grace time.", file=sys.stderr, flush=True)
                break
            if self._asked > self._answered and time.monotonic() - self._asked > PATIENCE:
                print("The worker does not answer.", file=sys.stderr, flush=True)
                self._worker.kill()
        self._end()

    def _accept(self, listener: socket.socket) -> None:
        """Serve one line after another; a new one replaces the old one."""
        serving: Thread | None = None
        last: socket.socket | None = None
        while True:
            connection, _ = listener.accept()
            if last is not None:
                with suppress(OSError):
                    last.shutdown(socket.SHUT_RDWR)
            if serving is not None:
                serving.join()
            last = connection
            serving = Thread(target=self._serve, args=(connection,), daemon=True)
            serving.start()

    def _serve(self, connection: socket.socket) -> None:
        reader, writer = connection.makefile("rb"), connection.makefile("wb")
        try:
            frame = read_frame(reader)
            if frame is None or frame.kind != "resume":
                return
            writer.write(encode(Frame("resumed", facts={"received": self._channel.received})))
            writer.flush()
            self._channel.join(writer, int(frame.facts.get("received", -1)))
            self._joined = True
            for frame in read_frames(reader):
                self._channel.hear(frame)
        except (OSError, ValueError) as error:
            print(f"The line ended: {error}.", file=sys.stderr, flush=True)
        finally:
            self._channel.leave()
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _take(self, frame: Frame) -> None:
        """Take a frame of the client: lines go to the worker, the rest is done in order by one thread."""
        if frame.kind == "line":
            self._tell_worker(frame.payload)
        elif frame.kind == "bye":
            self._over.set()
        elif frame.kind == "stop":
            self._unwanted.add(str(frame.facts.get("ask")))
        elif frame.kind in self._asks:
            self._work.put(lambda: self._answer(frame))

    @property
    def _asks(self) -> dict[str, Callable[[Frame], dict[str, Any]]]:
        return {"have": self._have, "put": self._put, "place": self._place, "fetch": self._fetch, "drop": self._drop}

    def _do_work(self) -> None:
        while True:
            self._work.get()()

    def _answer(self, frame: Frame) -> None:
        """Do what a frame asks, and send the facts of the answer, or a sentence on what went wrong."""
        try:
            facts = self._asks[frame.kind](frame)
        except _Unwanted:
            return
        except Exception as error:
            traceback.print_exception(error)
            reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            facts = {"fault": f"{getattr(error, 'filename', None) or frame.kind}: {reason}"[:1000]}
        finally:
            self._unwanted.discard(str(frame.facts.get("ask")))
        payload = json.dumps(facts).encode()
        self._channel.send("told", payload, ask=frame.facts.get("ask"))

    def _have(self, frame: Frame) -> dict[str, Any]:
        asked = json.loads(frame.payload)
        return {"held": [self._store.held(str(sha), int(size)) for sha, size in asked]}

    def _put(self, frame: Frame) -> dict[str, Any]:
        facts = frame.facts
        return {"held": self._store.put(str(facts["sha"]), int(facts["at"]), frame.payload, int(facts["size"]))}

    def _place(self, frame: Frame) -> dict[str, Any]:
        asked = json.loads(frame.payload)
        job = f"{self._session}-{int(asked['job'])}"
        self._jobs.add(job)
        return {"folder": str(self._store.place(job, asked["files"], asked["results"]))}

    def _fetch(self, frame: Frame) -> dict[str, Any]:
        """Send a result, file by file; from now on it is kept for some days, unless the client says that it has it."""
        ask, job = frame.facts["ask"], f"{self._session}-{int(frame.facts['job'])}"
        self._jobs.discard(job)
        folder = self._store.job(job)
        path = folder / str(frame.facts["name"])
        if not path.resolve().is_relative_to(folder.resolve()) or not path.exists():
            raise ValueError(f"{path} does not exist")
        found = list(digests(path))
        self._channel.send("found", json.dumps(found).encode(), ask=ask)
        for name, _, _ in found:
            with (path / name if name else path).open("rb") as file:
                while chunk := file.read(CHUNK):
                    self._channel.send("data", chunk, lambda: self._check(ask), ask=ask)
        return {}

    def _check(self, ask: object) -> None:
        if str(ask) in self._unwanted or self._over.is_set():
            raise _Unwanted

    def _drop(self, frame: Frame) -> dict[str, Any]:
        """Remove the folder of a job, or keep it for some days if its results could not be written."""
        job = f"{self._session}-{int(frame.facts['job'])}"
        if not frame.facts.get("keep"):
            self._store.drop(job)
        self._jobs.discard(job)
        return {}

    def _tell_worker(self, line: bytes) -> None:
        assert self._worker.stdin is not None
        with suppress(OSError, ValueError):
            self._worker.stdin.write(line)
            self._worker.stdin.flush()

    def _read_worker(self) -> None:
        """Pass on what the worker says; when it has ended, say how."""
        assert self._worker.stdout is not None
        for line in self._worker.stdout:
            self._answered = time.monotonic()
            if self._is_for_client(line):
                self._channel.send("line", line[: protocol.MAX_LINE + 1])
        self._channel.send("ended", code=self._worker.wait())
        while not self._channel.flush(LOOK_SECONDS) and not self._over.wait(LOOK_SECONDS):
            pass
        self._over.set()

    def _is_for_client(self, line: bytes) -> bool:
        """Return whether a line is not the answer to a question of the holder's own."""
        self._introduced = True
        return not line.startswith(f'{{"jsonrpc": "2.0", "id": "{OWN}"'.encode())

    def _read_log(self) -> None:
        assert self._worker.stderr is not None
        for line in self._worker.stderr:
            self._channel.send("log", line[:10_000])

    def _ask_worker(self) -> None:
        """Ask a worker that has answered once whether it still does; a full pipe holds up this thread alone."""
        while not self._over.wait(PING_SECONDS):
            if self._introduced:
                self._tell_worker(protocol.encode(protocol.Request(OWN, protocol.Ping())))
                if self._asked <= self._answered:
                    self._asked = time.monotonic()

    def _end(self) -> None:
        assert self._worker.stdin is not None
        with suppress(OSError, ValueError):
            self._worker.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._worker.wait(END_SECONDS)
        self._worker.kill()
        self._worker.wait()
        self._store.close()
        for job in self._jobs:
            self._store.drop(job)


class _Unwanted(Exception):
    """The client no longer wants what is being sent."""


def sessions_folder() -> Path:
    return remote_folder() / "sessions"


def connect(place: Path) -> socket.socket | None:
    """Return a connection to a holder's socket, or None if there is none.

    It is reached from within its folder, because a socket's path must be short.
    """
    connection = socket.socket(socket.AF_UNIX)
    before = os.getcwd()
    try:
        os.chdir(place.parent)
        connection.connect(place.name)
        return connection
    except OSError:
        connection.close()
        return None
    finally:
        os.chdir(before)


def forget_dead_sessions() -> None:
    """Remove the folders of holders that were killed: their locks are free."""
    for folder in sessions_folder().iterdir():
        with suppress(OSError), (folder / LOCK).open("ab") as lock:
            if time.time() - folder.stat().st_mtime < YOUNG_SECONDS:
                continue
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


def hold(session: str, grace: float) -> None:
    """Run a holder to its end; the current folder becomes its own, see `connect`."""
    folder = sessions_folder() / session
    sessions_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    forget_dead_sessions()
    folder.mkdir(mode=0o700)
    os.chdir(folder)
    lock = Path(LOCK).open("ab")
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        Store(remote_folder()).sweep()
        with socket.socket(socket.AF_UNIX) as listener:
            holder = Holder(session, grace)
            listener.bind(".new")
            listener.listen(4)
            os.rename(".new", SOCKET)  # from now on, connecting succeeds
            holder.run(listener)
    finally:
        lock.close()
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)
