"""Which jobs belong to the .blend that is open, and what is left of them on disk."""

import os
import uuid

import bpy

from .jobs.folder import jobs_root
from .jobs.history import history
from .jobs.record import JobRecord
from .preferences import choices

_unsaved = str(uuid.uuid4())
"""The id of a file that was never saved, for as long as it is open."""
_history: list[JobRecord] | None = None


def file_id() -> str:
    """The id of the open file.

    It is kept in the file, so that it stays when the file is moved. A saved file that keeps none has an id that follows from
    its path, the same after a crash.
    """
    kept = (scene.actionmesh.file_id for scene in bpy.data.scenes)
    path = os.path.normcase(os.path.abspath(bpy.data.filepath)) if bpy.data.filepath else ""
    return next(filter(None, kept), None) or (str(uuid.uuid5(uuid.NAMESPACE_URL, path)) if path else _unsaved)


def keep_file_id(scene: bpy.types.Scene) -> str:
    """As `file_id`, and keeps it in the file. Not while a panel is drawn."""
    id = scene.actionmesh.file_id = file_id()
    return id


def records(all_files: bool) -> list[JobRecord]:
    """The jobs of the open file, or of all, newest first; the disk is read when something has changed."""
    global _history
    if _history is None:
        found = history(jobs_root(choices().job_folder))
        _history = sorted(found, key=lambda record: record.created, reverse=True)
    mine = file_id()
    return [record for record in _history if all_files or record.blend_file == mine]


def forget_history() -> None:
    """Something has changed on disk."""
    global _history
    _history = None


def another_was_opened() -> None:
    """A file was opened or begun."""
    global _unsaved
    _unsaved = str(uuid.uuid4())
    forget_history()
