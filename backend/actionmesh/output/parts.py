"""Temporary names beside a result: short enough for any disk, and telling whose they are, so that what a kill left is swept.

A name says which output it is for, and the machine and process that write it. At the next writing of the same output
the parts of this machine's dead processes go; nobody else's do.
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

import psutil

LONGEST_ENDING = 12
"""Of a name's ending that its temporary name has too: libraries look at it to choose a format."""
ASIDE = "-old"
"""Ends the name of a folder that another one is about to replace."""
NAME = re.compile(r"\.part-(?P<output>[0-9a-f]{8})-(?P<machine>[0-9a-f]{8})-(?P<process>\d+)-[0-9a-f]{8}.*")
PATIENCE, PAUSE = 20, 0.01
"""How often, and how many seconds apart, it is tried to remove a folder into which another thread still writes."""

turn = RLock()
"""Held while a part takes its place: the process may not end in between."""
_written: dict[Path, Path] = {}
"""What this process has under a temporary name, and the place that it is for."""
_discarded: set[Path] = set()


def new_part(place: Path, ending: str | None = None) -> Path:
    """Return a new name in the folder of `place`, which `finished` forgets."""
    name = f"{_beginning(place)}-{os.getpid()}-{uuid.uuid4().hex[:8]}{_ending(place) if ending is None else ending}"
    part = place.with_name(name)
    _written[part] = place
    return part


def finished(part: Path) -> None:
    """Remove what is left under a name that `new_part` gave."""
    _remove(part)
    _written.pop(part, None)


def sweep(place: Path) -> None:
    """Remove what dead processes of this machine left of writing `place`; a result that one had moved aside comes back."""
    with suppress(OSError):
        for part in sorted(place.parent.iterdir()):
            if _is_left(part, place):
                _tidy(part, place)


def discard_all() -> None:
    """Remove all that this process is writing, from whatever thread, for it ends now: none of it takes its place any more."""
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
    """Remove a part, or bring back what was moved aside if nothing took its place."""
    if part.name.endswith(ASIDE) and not os.path.lexists(place):
        with suppress(OSError):
            os.replace(part, place)
    else:
        _remove(part)


def _remove(part: Path) -> None:
    """Remove a file or a folder, if it is there; what cannot be removed stays."""
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
    return part not in _written if process == os.getpid() else not psutil.pid_exists(process)
