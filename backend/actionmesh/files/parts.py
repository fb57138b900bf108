"""Temporary names for results that are being written: short enough for any disk, and removable after a crash.

A name identifies the output, the machine and the process. The next time the same output is written, the leftovers of
this machine's dead processes are removed, and only those.
"""

import hashlib
import os
import re
import shutil
import socket
import time
import uuid
from contextlib import suppress
from pathlib import Path
from threading import RLock

LONGEST_ENDING = 12
"""Bytes of the longest ending that the temporary name keeps, because libraries choose the format by it."""
ASIDE = "-old"
"""The ending of a folder's temporary name while a new folder replaces it."""
NAME = re.compile(r"\.part-(?P<output>[0-9a-f]{8})-(?P<machine>[0-9a-f]{8})-(?P<process>\d+)-[0-9a-f]{8}.*")
PATIENCE, PAUSE = 20, 0.01
"""Attempts to remove a folder that another thread is still writing to, and the seconds between them."""

turn = RLock()
"""Held while a part moves to its place: the process must not exit in between."""
_written: dict[Path, Path] = {}
"""The temporary names that this process uses, with the place of each."""
_discarded: set[Path] = set()


def new_part(place: Path, ending: str | None = None) -> Path:
    """Return a new temporary name in the folder of `place`; `finished` releases it."""
    name = f"{_beginning(place)}-{os.getpid()}-{uuid.uuid4().hex[:8]}{_ending(place) if ending is None else ending}"
    part = place.with_name(name)
    _written[part] = place
    return part


def finished(part: Path) -> None:
    """Remove any remains of a temporary name from `new_part`, and release the name."""
    _remove(part)
    _written.pop(part, None)


def sweep(place: Path) -> None:
    """Remove what dead processes of this machine left for `place`; restore a result that one had moved aside."""
    with suppress(OSError):
        for part in sorted(place.parent.iterdir()):
            if _is_left(part, place):
                _tidy(part, place)


def discard_all() -> None:
    """Remove everything that any thread of this process is writing, before the process exits; nothing more is moved."""
    with turn:
        discarded = dict(_written)
        _discarded.update(discarded)
    for _ in range(PATIENCE):
        left = [(part, place) for part, place in discarded.items() if os.path.lexists(part)]
        if not left:
            return
        for part, place in left:
            _tidy(part, place)
        time.sleep(PAUSE)


def is_discarded(part: Path) -> bool:
    return part in _discarded


def _tidy(part: Path, place: Path) -> None:
    """Remove a part, or restore a result that was moved aside if nothing replaced it."""
    if part.name.endswith(ASIDE) and not os.path.lexists(place):
        with suppress(OSError):
            os.replace(part, place)
    else:
        _remove(part)


def _remove(part: Path) -> None:
    """Remove a file or a folder if it exists; ignore failures."""
    if part.is_dir() and not part.is_symlink():
        shutil.rmtree(part, ignore_errors=True)
    else:
        with suppress(OSError):
            part.unlink()


def _beginning(place: Path) -> str:
    return f".part-{_digest(place.name)}-{_digest(socket.gethostname())}"


def _ending(place: Path) -> str:
    return place.suffix if len(os.fsencode(place.suffix)) <= LONGEST_ENDING else ""


def _digest(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:8]


def _is_left(part: Path, place: Path) -> bool:
    named = NAME.fullmatch(part.name)
    if named is None or not part.name.startswith(f"{_beginning(place)}-"):
        return False
    process = int(named["process"])
    return part not in _written if process == os.getpid() else not _runs(process)


def _runs(process: int) -> bool:
    """Return whether a process lives; Blender's own Python has no psutil, and leaves what others have written."""
    try:
        import psutil
    except ImportError:
        return True
    return psutil.pid_exists(process)
