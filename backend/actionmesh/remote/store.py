"""The other computer's copies of files: each once, by its SHA-256, and folders that show a job what it asked for.

    <root>/files/<sha256>            a whole file, checked when it arrived
    <root>/files/<sha256>.part       the beginning of one; sending goes on behind it
    <root>/jobs/<job>/               links to files under the names that a job knows, and its results

Files that no job has used for KEPT_DAYS are removed, and the oldest ones beyond MOST_BYTES.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path, PurePosixPath

VARIABLE = "ACTIONMESH_REMOTE_FOLDER"
KEPT_DAYS, KEPT_JOBS_DAYS = 30, 7
MOST_BYTES = 50 << 30
PART = ".part"
WITHOUT_LINKS = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS}
"""Errors of a link where a copy will do: copying over a name that exists would change the file that it links to."""
DAY = 24 * 3600.0


def remote_folder() -> Path:
    """Return the folder of all that other computers send and ask for; ACTIONMESH_REMOTE_FOLDER overrides it."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen).absolute()
    return (Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "actionmesh" / "remote").absolute()


class Store:
    """The files and job folders below `root`, which belong to the user alone."""

    def __init__(self, root: Path):
        self._files, self._jobs = root / "files", root / "jobs"
        self._open: dict[str, FileIO] = {}
        for folder in (self._files, self._jobs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def held(self, sha: str, size: int) -> int:
        """Return how many bytes of a file are here; all of them if it is complete."""
        path = self._files / checked(sha)
        with suppress(OSError):
            if path.stat().st_size == size:
                os.utime(path)
                return size
        return min(self._part(sha).tell() if sha in self._open else self._size_begun(sha), max(size - 1, 0))

    def put(self, sha: str, at: int, chunk: bytes, size: int) -> int:
        """Write a piece of a file; return how many bytes are here, 0 again if the whole file is not what it should be.

        Raises:
            OSError: the disk is full, for example; what is here stays.
        """
        if self._is_whole(sha, size):  # another session was faster
            return size
        part = self._part(sha)
        if at > part.tell():
            return part.tell()
        part.truncate(at)
        left = memoryview(chunk)
        while left:
            left = left[part.write(left) :]
        return self._finish(sha, part) if part.tell() >= size else part.tell()

    def place(self, job: str, files: Iterable[tuple[str, str]], results: Iterable[str]) -> Path:
        """Make the folder of a job, with a link for each (SHA-256, relative path); return it.

        Args:
            results: relative paths of folders for its results.
        Raises:
            ValueError: a path leads out of the folder.
            OSError: it cannot be made.
        """
        folder = self.job(job)
        folder.mkdir(mode=0o700)
        for sha, name in files:
            path = folder / within(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            _link(self._files / checked(sha), path)
        for name in results:
            (folder / within(name)).mkdir(parents=True, exist_ok=True)
        return folder

    def job(self, job: str) -> Path:
        """Return the folder of a job; raise ValueError if that is no name."""
        return self._jobs / checked(job)

    def drop(self, job: str) -> None:
        shutil.rmtree(self.job(job), ignore_errors=True)

    def sweep(self, now: float | None = None) -> None:
        """Remove what was not used for long, and the files used longest ago if there are too many."""
        now = time.time() if now is None else now
        for folder in _entries(self._jobs):
            if now - _used(folder) > KEPT_JOBS_DAYS * DAY:
                shutil.rmtree(folder, ignore_errors=True)
        room = MOST_BYTES
        for path in sorted(_entries(self._files), key=_used, reverse=True):
            with suppress(OSError):
                room -= path.stat().st_size
                if room < 0 or now - _used(path) > KEPT_DAYS * DAY:
                    path.unlink()

    def close(self) -> None:
        """Close the beginnings of files, which stay."""
        for part in self._open.values():
            part.close()
        self._open.clear()

    def _is_whole(self, sha: str, size: int) -> bool:
        with suppress(OSError):
            return (self._files / checked(sha)).stat().st_size == size
        return False

    def _part(self, sha: str) -> FileIO:
        """Return the open beginning of a file, at its end: one of its own if another session is writing it."""
        if sha not in self._open:
            part = self._begun(self._files / f"{checked(sha)}{PART}")
            self._open[sha] = part or (self._files / f"{sha}.{os.getpid()}{PART}").open("ab+", buffering=0)
        part = self._open[sha]
        part.seek(0, os.SEEK_END)
        return part

    def _size_begun(self, sha: str) -> int:
        """Return the size of a beginning that no session is writing; it stays closed until its rest comes."""
        with suppress(OSError), (self._files / f"{sha}{PART}").open("rb") as part:
            fcntl.flock(part, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return os.fstat(part.fileno()).st_size
        return 0

    def _begun(self, path: Path) -> FileIO | None:
        part = path.open("ab+", buffering=0)
        try:
            fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            part.close()
            return None
        return part

    def _finish(self, sha: str, part: FileIO) -> int:
        part.seek(0)
        size = os.fstat(part.fileno()).st_size
        if hashlib.file_digest(part, "sha256").hexdigest() != sha:
            part.truncate(0)
            return 0
        os.fsync(part.fileno())
        os.replace(part.name, self._files / sha)
        self._open.pop(sha).close()
        return size


def checked(name: str) -> str:
    """Return a name of letters, digits and dashes, such as a SHA-256; raise ValueError if it is another text."""
    if not (name.isascii() and name.replace("-", "").isalnum() and len(name) <= 100):
        raise ValueError(f"{name!r:.80} is not a name")
    return name


def within(name: str) -> Path:
    """Return a relative path that leads into no other folder.

    Raises:
        ValueError: it does, on any system.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\0" in name or "\\" in name:
        raise ValueError(f"{name!r:.80} is not a path within a folder")
    return Path(*path.parts)


def digests(path: Path) -> Iterator[tuple[str, int, str]]:
    """Yield the relative path, the size and the SHA-256 of a file ("" as its path), or of each file in a folder."""
    for file in [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file()):
        with file.open("rb") as opened:
            name = "" if file == path else file.relative_to(path).as_posix()
            yield name, file.stat().st_size, hashlib.file_digest(opened, "sha256").hexdigest()


def _link(file: Path, path: Path) -> None:
    try:
        os.link(file, path)
    except OSError as error:
        if error.errno not in WITHOUT_LINKS:
            raise
        shutil.copyfile(file, path)


def _entries(folder: Path) -> list[Path]:
    with suppress(OSError):
        return list(folder.iterdir())
    return []


def _used(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0
