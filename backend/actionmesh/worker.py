"""The worker: a process that Blender starts by this file's path (`python -I .../actionmesh/worker.py`) and talks to.

It speaks `protocol` on the pipes that it receives as standard input and output. Before anything else is imported, it
reserves these pipes: whatever libraries print, including C code, goes to standard error, which is the log. What the
messages do is in `service`. With the name of another computer as its argument it passes them on, see `remote`.
"""

import logging
import os
import signal
import sys
from typing import BinaryIO


def take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return the protocol's input and output; afterwards descriptor 0 is empty, and 1 is the log.

    The copies are not inherited, so no child process can hold the pipes open.
    """
    commands, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return commands, answers


def find_package() -> None:
    """Make `actionmesh` importable from this file's location, and its modules under no other name."""
    package = os.path.dirname(os.path.abspath(__file__))
    others = [path for path in sys.path if os.path.abspath(path) != package]
    sys.path[:] = [os.path.dirname(package), *others]


def keep_log() -> None:
    """Make standard error the log: UTF-8 on every system, including warnings of libraries."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.captureWarnings(True)


def main() -> None:
    pipes = take_pipes()
    keep_log()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is for Blender to handle
    find_package()
    if sys.argv[1:]:
        from actionmesh.remote.relay import serve_elsewhere

        serve_elsewhere(sys.argv[1:], *pipes)
    from actionmesh.host_memory import settle

    settle()
    from actionmesh.service import serve

    serve(*pipes)


if __name__ == "__main__":
    main()
