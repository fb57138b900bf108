"""A process with pipes. Threads read, write and wait for it; only `end` with `wait` blocks its caller."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import BinaryIO

from ..errors import BackendMissing, FolderError
from .backend_locator import CURE, protocol

FORCED = 10.0
"""Seconds to wait for a killed process to end."""

Process = subprocess.Popen[bytes]
Inbox = SimpleQueue[protocol.Message | bytes | None]
Outbox = SimpleQueue[bytes | None]


def start(command: list[str], log: Path, environment: Mapping[str, str]) -> Process:
    """Start a program, without a shell and without a window of its own; its standard error goes to `log`.

    It has a session of its own, so that Ctrl-C in the terminal reaches only Blender.

    Raises:
        BackendMissing: the program cannot be started.
        FolderError: the log cannot be written.
    """
    with _opened(log) as stderr:
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=log.absolute().parent,
                env={**os.environ, **environment},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                start_new_session=True,
            )
        except OSError as error:
            raise BackendMissing(f"{command[0]} cannot be started ({error.strerror or error}).", CURE) from error


def _opened(log: Path) -> BinaryIO:
    try:
        return log.open("ab")
    except OSError as error:
        raise FolderError(
            f"The log {log} cannot be written ({error.strerror}).",
            "Free some space, or check the folder's permissions.",
        ) from error


def connect(process: Process) -> tuple[Inbox, Outbox]:
    """Return the queue of messages from a process and the queue of lines to it, each served by a thread.

    Messages arrive decoded; a line that is not a message arrives as bytes, and the end of the output as None. None in
    the outbox closes the process's input.
    """
    assert process.stdin is not None and process.stdout is not None
    inbox, outbox = Inbox(), Outbox()
    _in_thread("writer", _write_all, outbox, process.stdin)
    _in_thread("reader", _read_all, process.stdout, inbox)
    return inbox, outbox


def end(process: Process, grace: float, wait: bool) -> None:
    """Wait `grace` seconds for the process to end, then terminate it, and after another `grace` seconds kill it.

    Without `wait`, a thread does this.
    """
    if wait:
        _end(process, grace)
    else:
        _in_thread("end", _end, process, grace)


def exit_in_words(code: int) -> str:
    """Return the meaning of a process's exit code in words."""
    if code == -9:
        return "killed, perhaps by the system because memory ran out"
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _in_thread(name: str, function: object, *arguments: object) -> None:
    Thread(target=function, args=arguments, name=f"ActionMesh {name}", daemon=True).start()  # type: ignore[arg-type]


def _write_all(outbox: Outbox, pipe: BinaryIO) -> None:
    """Write lines to a pipe until None comes. If the process no longer reads, the reader notices that it has ended."""
    try:
        with pipe:
            for line in iter(outbox.get, None):
                pipe.write(line)
                pipe.flush()
    except OSError:
        return


def _read_all(pipe: BinaryIO, inbox: Inbox) -> None:
    try:
        with pipe:
            while line := pipe.readline(protocol.MAX_LINE + 1):
                inbox.put(_decoded(line))
    except OSError:
        return
    finally:
        inbox.put(None)


def _decoded(line: bytes) -> protocol.Message | bytes:
    try:
        return protocol.decode(line)
    except protocol.ProtocolError:
        return line[:200]


def _end(process: Process, grace: float) -> None:
    for force, seconds in ((None, grace), (process.terminate, grace), (process.kill, FORCED)):
        if force is not None:
            force()
        try:
            process.wait(seconds)
            return
        except subprocess.TimeoutExpired:
            continue
