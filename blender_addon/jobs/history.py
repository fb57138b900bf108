"""Jobs that were: what the job folders tell, and which of them make room when there are too many."""

import os
from collections.abc import Iterator
from pathlib import Path

from .folder import job_folders, remove_folder, size_of
from .lock import is_held
from .record import JOB_FILE, LIVE, LOCK_FILE, JobRecord, State, read_record

KEPT = LIVE | {State.FINISHED}
"""Jobs in these states are never removed to make room: they run, or their result is in no file yet."""


def history(root: Path, blend_file: str | None = None) -> list[JobRecord]:
    """All jobs of a root, newest first; with `blend_file` those that belong to it. Folders that tell of no job are left out."""
    return [record for record in _records(root) if blend_file is None or record.blend_file == blend_file]


def damaged(root: Path, records: list[JobRecord]) -> int:
    """Return how many folders hold a job that cannot be read, given those that can."""
    known = {record.id for record in records}
    return sum(folder.name not in known and os.path.lexists(folder / JOB_FILE) for folder in job_folders(root))


def remove(record: JobRecord) -> bool:
    """Deletes a job's folder with its result; false if the job is not over."""
    if is_held(record.folder / LOCK_FILE):
        return False
    remove_folder(record.folder)
    return True


def limit(root: Path, size: int) -> list[str]:
    """Remove the oldest job folders until all together have at most `size` bytes; return the ids of those removed."""
    return [id for id in make_room(root, size) if id]


def make_room(root: Path, size: int) -> Iterator[str]:
    """As `limit`, a folder at a step; yield the id where one was removed, and an empty text where none was.

    Never one that waits or runs in any Blender, nor one whose result was not written into a file yet.
    """
    sizes: dict[Path, int] = {}
    for folder in job_folders(root):
        sizes[folder] = size_of(folder)
        yield ""
    total = sum(sizes.values())
    for folder in reversed(list(sizes)):
        if total <= size:
            return
        if sizes[folder] and not _must_stay(folder):  # an empty one may have been made just now
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
