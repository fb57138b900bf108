"""Past jobs: read them from the job folders, and delete the oldest when they take too much space."""

import os
from collections.abc import Iterator
from pathlib import Path

from .folder import job_folders, remove_folder, size_of
from .lock import is_held
from .record import JOB_FILE, LIVE, LOCK_FILE, JobRecord, State, read_record

KEPT = LIVE | {State.FINISHED}
"""Jobs in these states are never removed to make room: they are live, or their result is not in a file yet."""


def history(root: Path, blend_file: str | None = None) -> list[JobRecord]:
    """Return all jobs of a root, newest first, or only those of `blend_file`; skip folders without a readable job."""
    return [record for record in _records(root) if blend_file is None or record.blend_file == blend_file]


def damaged(root: Path, records: list[JobRecord]) -> int:
    """Return how many folders hold an unreadable job, given the readable ones."""
    known = {record.id for record in records}
    return sum(folder.name not in known and os.path.lexists(folder / JOB_FILE) for folder in job_folders(root))


def remove(record: JobRecord) -> bool:
    """Delete a job's folder with its result; return False if the job is not over."""
    if is_held(record.folder / LOCK_FILE):
        return False
    remove_folder(record.folder)
    return True


def limit(root: Path, size: int) -> list[str]:
    """Remove the oldest job folders until the rest take at most `size` bytes; return the ids of those removed."""
    return [id for id in make_room(root, size) if id]


def make_room(root: Path, size: int) -> Iterator[str]:
    """Do the work of `limit` one folder at a time; yield the id of a removed folder, or an empty text.

    Keep jobs that wait or run in any Blender, and those whose result was not written into a file yet.
    """
    sizes: dict[Path, int] = {}
    for folder in job_folders(root):
        sizes[folder] = size_of(folder)
        yield ""
    total = sum(sizes.values())
    for folder in reversed(list(sizes)):
        if total <= size:
            return
        if sizes[folder] and not _must_stay(folder):  # an empty folder may have just been made
            remove_folder(folder)
            total -= sizes[folder] - size_of(folder)
            yield folder.name


def _records(root: Path) -> Iterator[JobRecord]:
    for folder in job_folders(root):
        record = read_record(folder)
        if record is not None:
            yield record


def _must_stay(folder: Path) -> bool:
    record = read_record(folder)
    return is_held(folder / LOCK_FILE) or (record is not None and record.state in KEPT)
