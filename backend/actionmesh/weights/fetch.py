"""Download files of a repository: interrupted downloads resume, files are checked first, one process at a time.

Arriving bytes are kept in a hidden folder inside the target folder; a file moves to its place once its checksum is
right. huggingface_hub transfers the bytes and retries what fails. Its own `hf_hub_download` starts again after a
restart of the process, so the partial file is kept here. Xet is not used: it cannot resume within a file.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from ..errors import ActionMeshError, DownloadError, OutputError
from ..progress import Progress
from ..protocol import Stage
from .download_record import DownloadRecord, RecordedFile, read_record
from .resolved import AGAIN, HubFile, Resolved, hub_error

STAGING = ".actionmesh-download"
CHUNK = 1 << 20
"""Bytes to write, hash or count at a time."""
SHOWN_FROM = 64 << 20
"""Size of a file, in bytes, from which computing its checksum takes long enough to be shown."""
LOCK_SECONDS = 0.5
NO_ROOM = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}

Advance = Callable[[int], None]


def part_of(folder: Path, file: HubFile, revision: str) -> Path:
    """Return where a file's bytes are kept until all have arrived; different contents have different names."""
    return folder / STAGING / f"{file.path.replace('/', '--')}.{(file.checksum or revision)[:16]}.part"


def arrived(folder: Path, file: HubFile, revision: str) -> int:
    """Return how many bytes of a file an interrupted download has left."""
    part = part_of(folder, file, revision)
    return min(part.stat().st_size, file.bytes) if part.is_file() else 0


def fetch(
    resolved: Resolved,
    files: Sequence[HubFile],
    folder: Path,
    advance: Advance,
    progress: Progress,
    endpoint: str | None = None,
) -> None:
    """Download `files` into `folder` and record them there; other files in it are left alone.

    Args:
        advance: receives the number of new bytes; negative if bytes had to be discarded.
        progress: shows the checking of large files, and stops the download between two chunks.

    Raises:
        DownloadError: the hub refuses or stops answering, a file arrived damaged, or another process downloads into
            `folder`.
        OutputError: the disk is full, or the folder is not writable.
    """
    try:
        (folder / STAGING).mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            record = read_record(folder)
            if record is None or record.revision != resolved.revision:
                record = DownloadRecord.begun(resolved.download, resolved.revision)
            record.save(folder)
            for file in files:
                record.files[file.path] = _fetch_one(resolved, file, folder, advance, progress, endpoint)
                record.save(folder)
        shutil.rmtree(folder / STAGING, ignore_errors=True)
    except OSError as error:
        raise unwritable(folder, error) from error


def _fetch_one(
    resolved: Resolved, file: HubFile, folder: Path, advance: Advance, progress: Progress, endpoint: str | None
) -> RecordedFile:
    part = part_of(folder, file, resolved.revision)
    while True:
        resumed = part.is_file() and part.stat().st_size > 0
        _transfer(resolved, file, part, advance, endpoint)
        found = digest(part, progress)
        if found.agrees_with(file):
            break
        part.unlink()
        advance(-file.bytes)
        if not resumed:
            problem = f"{file.path} of {resolved.download.hub_id} arrived damaged: its checksum is not the hub's."
            raise DownloadError(problem, "Run the download again; it starts that file from the beginning.")
    place = folder / file.path
    place.parent.mkdir(parents=True, exist_ok=True)
    os.replace(part, place)
    return RecordedFile(file.bytes, found.sha256, verified=file.checksum is not None)


def _transfer(resolved: Resolved, file: HubFile, part: Path, advance: Advance, endpoint: str | None) -> None:
    """Append the missing bytes of a file to `part`."""
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    constants.DOWNLOAD_CHUNK_SIZE = CHUNK  # theirs is 10 MB: on a slow line, progress and cancelling would lag
    url = hf_hub_url(resolved.download.hub_id, file.path, revision=resolved.revision, endpoint=endpoint)
    if part.is_file() and part.stat().st_size > file.bytes:
        part.unlink()
    part.touch()
    try:
        with part.open("r+b") as stream:
            start = stream.seek(0, os.SEEK_END)
            http_get(
                url,
                stream,
                resume_size=start,
                headers=build_hf_headers(),
                expected_size=file.bytes,
                displayed_filename=file.path,
                tqdm_class=lambda **_: _Counter(advance),  # type: ignore[arg-type]
            )
    except (ActionMeshError, HfHubHTTPError) as error:
        raise error if isinstance(error, ActionMeshError) else hub_error(resolved.download, error) from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise DownloadError(f"{file.path} of {resolved.download.hub_id} ended early.", AGAIN) from error
    except Exception as error:  # of the network or of huggingface_hub's own libraries
        raise hub_error(resolved.download, error) from error


class _Counter:
    """A stand-in for the progress bar that huggingface_hub expects."""

    def __init__(self, advance: Advance):
        self.update = advance

    def __enter__(self) -> "_Counter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing: there is nothing to close."""


@dataclass(frozen=True)
class Digest:
    """The checksums of a file, in both forms that the hub uses: for large files and for small ones."""

    bytes: int
    sha256: str
    git_sha1: str

    def agrees_with(self, file: HubFile) -> bool:
        """Return whether this is the hub's file, as far as the hub describes it."""
        same = self.bytes == file.bytes and file.sha256 in (None, self.sha256)
        return same and file.git_sha1 in (None, self.git_sha1)


def digest(path: Path, progress: Progress) -> Digest:
    """Return the checksums of a file; large files are shown as a stage of their own."""
    size = path.stat().st_size
    advance = (
        progress.measure(Stage.CHECKING, size, item=path.name.partition(".")[0])
        if size >= SHOWN_FROM
        else lambda count: None
    )
    sha256, git = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            sha256.update(chunk)
            git.update(chunk)
            advance(len(chunk))
    return Digest(size, sha256.hexdigest(), git.hexdigest())


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from downloading into `folder` meanwhile."""
    from huggingface_hub.utils import WeakFileLock

    lock = WeakFileLock(folder / STAGING / "lock", timeout=LOCK_SECONDS)
    try:
        lock.__enter__()
    except TimeoutError as error:
        raise DownloadError(f"Another download into {folder} is running.", "Wait for it, or stop it.") from error
    try:
        yield
    finally:
        lock.__exit__(None, None, None)


def unwritable(folder: Path, error: OSError) -> OutputError:
    """Return the error for a folder that cannot be written to."""
    if error.errno in NO_ROOM:
        return OutputError(f"The disk of {folder} is full.", f"Free some room. {AGAIN}")
    return OutputError(
        f"{folder} cannot be written ({error.strerror or error}).", "Choose a folder that you can write to."
    )
