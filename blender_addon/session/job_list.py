"""The jobs on disk, of the open .blend file or of all files, as the panel *History* lists them."""

import time

from ..jobs.folder import jobs_root
from ..jobs.past_jobs import damaged, history
from ..jobs.record import JobRecord, read_record
from .blend_identity import is_ours
from .choices import choices

FRESH_SECONDS = 1.0
_history: list[JobRecord] | None = None
_damaged = 0
_looked_at = 0.0


def records(all_files: bool) -> list[JobRecord]:
    """Return the jobs of the open file, or of all files, newest first.

    The disk is read when something has changed, and now and then for live jobs: another Blender may run them, and may
    have ended.
    """
    global _history, _looked_at, _damaged
    if _history is None:
        root = jobs_root(choices().job_folder)
        found = history(root)
        _damaged = damaged(root, found)
        _history = sorted(found, key=lambda record: record.created, reverse=True)
        _looked_at = time.monotonic()
    elif time.monotonic() - _looked_at > FRESH_SECONDS:
        again = (read_record(record.folder) if record.is_live else record for record in _history)
        _history = [record for record in again if record is not None]
        _looked_at = time.monotonic()
    return [record for record in _history if all_files or is_ours(record)]


def count_damaged() -> int:
    """Return how many job folders had an unreadable record when the disk was last read."""
    return _damaged


def forget() -> None:
    """Make `records` read the disk again, because something has changed there."""
    global _history
    _history = None
