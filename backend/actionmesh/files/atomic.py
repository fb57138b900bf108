"""Atomic writing: a file appears complete or not at all. It is written next to its destination and then moved."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..errors import Cancelled, OutputError
from . import parts
from .places import reachable

OCCUPIED = {errno.ENOTEMPTY, errno.EEXIST, errno.EACCES}
"""Errors of moving a folder onto one that another process has just created."""
TRIES = 100
PLACE_TRIES = 3
"""Attempts to try a destination: another process that tries it may remove the folder that it made."""
TRIED = 4096
"""Size in bytes of the file that tests a destination: even a full disk accepts an empty file."""


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a temporary path in the same folder, then move what it wrote (a file or a folder) to `path`.

    The temporary name has the same ending as `path`, so that libraries choose the same format. If `path` is a link, the
    link stays and its target is replaced.

    Raises:
        OutputError: the folder is missing or not writable, or the disk is full; `path` is unchanged.
        Cancelled: the process is about to exit.
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
            "Choose a folder with free space and write permission.",
        ) from error
    finally:
        parts.finished(part)


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8, see `write_atomically`."""
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))


def try_place(path: Path) -> None:
    """Check that `write_atomically` could write `path`: write a small file there, then remove it and all new folders.

    Raises:
        OutputError: the folder cannot be created or written to, or its disk is full.
    """
    place = reachable(Path(os.path.realpath(path)))
    made = [folder for folder in (place.parent, *place.parent.parents) if not os.path.lexists(folder)]
    part = parts.new_part(place)
    try:
        for left in reversed(range(PLACE_TRIES)):
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                part.write_bytes(bytes(TRIED))
                break
            except FileNotFoundError:
                if not left:
                    raise
    except (FileExistsError, NotADirectoryError) as error:
        raise OutputError(f"{path} is inside a file, not a folder.", "Choose another folder.") from error
    except OSError as error:
        where = next(folder for folder in place.parents if folder.is_dir())
        problem = f"{where} does not accept new files ({error.strerror or error}), so {path} could not be written."
        raise OutputError(problem, "Choose a folder with free space and write permission.") from error
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
    """Move a folder to `place`, replacing any folder there; if several processes do so at once, the last one wins."""
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
