"""Files appear whole or not at all: written beside their place, then moved there."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..errors import Cancelled, OutputError
from . import parts
from .places import reachable

OCCUPIED = {errno.ENOTEMPTY, errno.EEXIST, errno.EACCES}
"""What systems say where a folder is to be moved onto one that has just appeared."""
TRIES = 100
TRIED = 4096
"""Bytes of the file by which a place is tried: a full disk still takes an empty one."""


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a temporary path in the same folder, then move what it wrote (a file or a folder) to `path`.

    The temporary name ends like `path`, so that libraries which look at the ending choose the same format. A link stays:
    what it points to is replaced.

    Raises:
        OutputError: the folder is missing or not writable, or the disk is full; `path` is as it was before.
        Cancelled: the process ends.
    """
    place = reachable(Path(os.path.realpath(path)))
    part = parts.new_part(place)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        parts.sweep(place)
        write(part)
        _put(part, place)
    except OSError as error:
        if parts.is_discarded(part):
            raise Cancelled() from error
        raise OutputError(
            f"{path} could not be written ({error.strerror or error}).",
            "Choose a folder with room that you may write to.",
        ) from error
    finally:
        parts.finished(part)


def try_place(path: Path) -> None:
    """Write a small file where `write_atomically` would write, and remove it again with every folder made for it.

    Raises:
        OutputError: the folder cannot be made or written, or its disk is full.
    """
    place = reachable(Path(os.path.realpath(path)))
    made = [folder for folder in (place.parent, *place.parent.parents) if not os.path.lexists(folder)]
    part = parts.new_part(place)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(bytes(TRIED))
    except (FileExistsError, NotADirectoryError) as error:
        raise OutputError(f"{path} lies below a file, which is no folder.", "Choose another folder.") from error
    except OSError as error:
        where = next(folder for folder in place.parents if folder.is_dir())
        problem = f"{where} takes no new file ({error.strerror or error}), so {path} could not be written."
        raise OutputError(problem, "Choose a folder with room that you may write to.") from error
    finally:
        parts.finished(part)
        for folder in made:
            with suppress(OSError):
                folder.rmdir()


def _put(part: Path, place: Path) -> None:
    if part.is_dir():
        _put_folder(part, place)
        return
    with parts.turn:
        _refuse_discarded(part)
        os.replace(part, place)


def _put_folder(part: Path, place: Path) -> None:
    """Move a folder to where another may be, also while another process does the same: the last one's stays."""
    aside: list[Path] = []
    try:
        with parts.turn:
            _refuse_discarded(part)
            for left in reversed(range(TRIES)):
                _move_aside(place, aside)
                try:
                    os.rename(part, place)
                    break
                except OSError as error:
                    if error.errno not in OCCUPIED or not left:
                        raise
    except BaseException:
        if aside and not os.path.lexists(place):
            os.rename(aside[-1], place)
        raise
    finally:
        for old in aside:
            parts.finished(old)


def _move_aside(place: Path, aside: list[Path]) -> None:
    old = parts.new_part(place, parts.ASIDE)
    try:
        os.rename(place, old)
        aside.append(old)
    except FileNotFoundError:
        parts.finished(old)


def _refuse_discarded(part: Path) -> None:
    if parts.is_discarded(part):
        raise Cancelled()
