"""What ssh starts on the other computer: say which version this is, then join the line to a holder.

The holder is found in its folder, or started, detached from this process and from ssh's session.
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

from .. import __version__, protocol
from ..errors import RemoteError
from .line import GO, MARK, VERSION

SESSION = re.compile(r"[0-9a-f]{32}")
START_SECONDS = 30.0
PAUSE = 0.02
PIECE = 1 << 16
GONE = (
    "the worker and its job ended while the line was cut.",
    "Run the job again; the files sent so far are kept there.",
)


def attach(session: str, seconds: float, again: bool) -> int:
    """Join standard input and output to a holder until one of them ends; return the exit code.

    Args:
        session: 32 hexadecimal digits.
        seconds: the grace time of a new holder.
        again: whether the holder must exist.
    """
    if not SESSION.fullmatch(session):
        raise ValueError(f"{session!r:.80} is not a session")
    if os.name != "posix":
        return _greet(fault="a backend can only be used from another computer on Linux and macOS.")
    from .holder import SOCKET, connect, sessions_folder

    folder = sessions_folder() / session
    connection = connect(folder / SOCKET) if again else None
    if again and connection is None:
        return _greet(fault=GONE[0], cure=GONE[1])
    _greet()
    client = sys.stdin.fileno()
    if os.read(client, len(GO)) != GO:
        return 0
    connection = connection or _start_holder(folder, seconds)
    Thread(target=_pump, args=(client, connection), daemon=True).start()
    while piece := _received(connection):
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    return 0


def _greet(**faults: str) -> int:
    """Write the line that the client waits for; return the exit code for a fault."""
    facts: dict[str, Any] = {"remote": VERSION, "protocol": protocol.VERSION, "version": __version__, **faults}
    sys.stdout.buffer.write(MARK + json.dumps(facts).encode() + b"\n")
    sys.stdout.buffer.flush()
    return 1 if faults else 0


def _start_holder(folder: Path, seconds: float) -> socket.socket:
    """Start a holder in a session of its own, so that it outlives the line; return a connection to it.

    Raises:
        RemoteError: it does not start.
    """
    from .holder import SOCKET, connect

    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [sys.executable, "-P", "-m", "actionmesh", "remote", "hold", folder.name, "--seconds", f"{seconds:g}"]
    with tempfile.TemporaryFile() as errors:
        holder = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
        )
        end = time.monotonic() + START_SECONDS
        while (connection := connect(folder / SOCKET)) is None:
            if holder.poll() is not None or time.monotonic() > end:
                holder.kill()
                errors.seek(0)
                told = errors.read().decode("utf-8", "replace").strip().splitlines() or ["it says nothing"]
                raise RemoteError(f"The worker's holder does not start: {told[-1]}.", "Install ActionMesh there again.")
            time.sleep(PAUSE)
    return connection


def _pump(source: int, connection: socket.socket) -> None:
    """Pass on what the client sends; its end is the end of the line."""
    with suppress(OSError):
        while piece := os.read(source, PIECE):
            connection.sendall(piece)
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(PIECE)
    except OSError:
        return b""
