"""The backend's logs: one file per worker, limited in number and size."""

import os
import time
from pathlib import Path

from ..errors import FolderError
from .backend_locator import user_folder

KEPT = 10
LARGEST = 20 * 2**20
TAIL_LINES, TAIL_BYTES = 20, 8192
MARK_SECONDS = 60.0


def logs_folder() -> Path:
    return user_folder() / "logs"


def new_log(folder: Path | None = None) -> Path:
    """Return a new, empty, private log file; remove all but the `KEPT` logs used last.

    Raises:
        FolderError: the folder cannot be written.
    """
    folder = folder or logs_folder()
    path = (
        folder / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}-{time.monotonic_ns() % 10**9:09}.log"
    )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        problem = f"The log {path} cannot be written ({error.strerror})."
        raise FolderError(problem, "Free some space, or check the folder's permissions.") from error
    others = [log for log in folder.glob("*.log") if log != path]
    for old in sorted(others, key=_last_used, reverse=True)[KEPT - 1 :]:
        _remove(old)
    return path


def tail(path: Path) -> str:
    """Return the last lines of a log, or an empty string if there is nothing to read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.replace("\0", "").strip().splitlines()[-TAIL_LINES:])


def limit(path: Path) -> None:
    """Empty a log that has grown beyond `LARGEST` bytes; its writer appends, and continues at the start.

    Also mark it as used: an idle worker writes nothing, and another Blender must not remove its log as an old one.
    """
    try:
        if path.stat().st_size > LARGEST:
            os.truncate(path, 0)
        if time.time() - _last_used(path) > MARK_SECONDS:
            os.utime(path)
    except OSError:
        return


def _last_used(path: Path) -> float:
    """Return the time of last use in seconds since 1970; 0 for a log that is gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError:
        return
