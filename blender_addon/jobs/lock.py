"""A lock on a job that the system releases when the job's Blender ends, however it ends.

If something else keeps it locked, or the file system has no locks, the owner's record in the file tells whether the
owner has ended.
"""

import os
import time
from pathlib import Path
from typing import BinaryIO

from . import owner

if os.name == "nt":
    import msvcrt

    def _try_lock(file: BinaryIO) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
else:
    import fcntl

    def _try_lock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


TAKEN = (BlockingIOError, PermissionError)
ATTEMPTS, PAUSE = 5, 0.01
"""A process that calls `is_held` holds the lock for a moment, so taking it may need several attempts."""


class Lock:
    """A lock, held from its creation to `release`, or until it is garbage-collected.

    On a file system without locks, `is_held` returns True while the file exists and its owner may be alive.

    Raises:
        OSError: the file cannot be written, or another process holds the lock.
    """

    def __init__(self, path: Path):
        self._path = path
        self._file = path.open("ab")
        self._lock()
        self._file.truncate(0)  # a killed owner may have left its record
        self._file.write(b"\n" + owner.this_process())  # Windows lets nobody read the first byte, which is locked
        self._file.flush()

    def _lock(self) -> None:
        for attempt in range(ATTEMPTS):
            try:
                self._file.seek(0)  # Windows locks the byte at the current position
                _try_lock(self._file)
                return
            except TAKEN:
                if attempt == ATTEMPTS - 1:
                    self._file.close()
                    raise
                time.sleep(PAUSE)
            except OSError:
                return

    def release(self) -> None:
        if self._file.closed:
            return
        self._file.close()
        try:
            self._path.unlink()
        except OSError:
            return


def is_held(path: Path) -> bool:
    """Return whether any Blender, including this one, holds the lock at `path`."""
    if not path.is_file():  # opening a pipe, for example, would block
        return False
    try:
        with path.open("r+b") as file:
            _try_lock(file)
    except FileNotFoundError:
        return False
    except OSError:
        return not _owner_is_gone(path)
    return False


def _owner_is_gone(path: Path) -> bool:
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(1)
            return owner.is_gone(file.read(owner.LONGEST))
    except OSError:
        return False
