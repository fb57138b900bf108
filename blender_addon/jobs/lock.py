"""Whose job it is: a lock that the system takes back when its Blender ends, however it ends.

Where something else keeps it locked, or there are no locks, what its owner wrote into the file tells whether it is gone.
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
"""Somebody who asks `is_held` holds the lock for a moment."""


class Lock:
    """Held from its making to `release`, or until nobody refers to it.

    Where the file system has no locks, `is_held` answers yes as long as the file is there and its owner may be alive.

    Raises:
        OSError: the file cannot be written, or another holds it.
    """

    def __init__(self, path: Path):
        self._path = path
        self._file = path.open("ab")
        self._lock()
        self._file.truncate(0)  # of what an owner left that was killed
        self._file.write(b"\n" + owner.this_process())  # the lock is on the first byte, which Windows lets nobody read
        self._file.flush()

    def _lock(self) -> None:
        for attempt in range(ATTEMPTS):
            try:
                self._file.seek(0)  # Windows locks the byte at which the file stands
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
    """Whether some Blender, this one included, holds the lock at `path`."""
    if not path.is_file():  # a pipe, say, which would be waited for
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
