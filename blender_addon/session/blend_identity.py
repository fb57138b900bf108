"""The id of the open .blend file, by which jobs know their file: it survives saving, moving, undo and a crash."""

import os
import re
import uuid
from collections.abc import Callable

import bpy
from bpy.app.handlers import persistent

from ..jobs.record import JobRecord

Handlers = list[Callable[..., None]]
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_unsaved = str(uuid.uuid4())
"""The id of a file that was never saved, while it is open."""
_kept: str | None = None
"""The id of the open file, once a job was started in it; undo in the file does not change it here."""


def file_id() -> str:
    """Return the id of the open file.

    It is stored in the file, so that it stays when the file moves. A saved file without a stored id has an id made from
    its path, which is the same after a crash.
    """
    return _kept or _in_scenes() or _of_path() or _unsaved


def is_ours(record: JobRecord) -> bool:
    """Return whether a job belongs to the open file, by its id or its path: a scene may come from another file."""
    return record.blend_file in {file_id(), _of_path()} - {""}


def _of_path() -> str:
    """Return the id made from a saved file's path; empty if the file was never saved."""
    path = os.path.normcase(os.path.abspath(bpy.data.filepath)) if bpy.data.filepath else ""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, path)) if path else ""


def keep_file_id() -> str:
    """Return the id of the open file and store it in the file. Do not call this while a panel is drawn."""
    global _kept
    _kept = file_id()
    _write_into_scenes()
    return _kept


@persistent
def _write_into_scenes(*_: object) -> None:
    """Store the id in every scene: undo affects properties of scenes, and a scene may be deleted."""
    for scene in bpy.data.scenes if _kept else ():
        if scene.is_editable and scene.actionmesh.file_id != _kept:
            scene.actionmesh.file_id = _kept


def _in_scenes() -> str:
    """Return the id stored in the file; empty if it has none or an invalid one."""
    found = (scene.actionmesh.file_id for scene in bpy.data.scenes if scene.library is None)
    return next((id for id in found if ID.fullmatch(id)), "")


def another_was_opened(path: str) -> None:
    """Reset the id after a file was opened or created.

    Args:
        path: of the file; empty for a copy of the startup file. An id stored in that belongs to other jobs and is
            removed.
    """
    global _unsaved, _kept
    _unsaved, _kept = str(uuid.uuid4()), None
    if path:
        _kept = _in_scenes() or None
    else:
        for scene in bpy.data.scenes:
            scene.actionmesh.file_id = ""


def attach() -> None:
    """Start to restore the file's id after undo and to store it when the file is saved."""
    for handlers in _moments():
        if _write_into_scenes not in handlers:
            handlers.append(_write_into_scenes)


def detach() -> None:
    global _kept
    _kept = None
    for handlers in _moments():
        if _write_into_scenes in handlers:
            handlers.remove(_write_into_scenes)


def _moments() -> tuple[Handlers, ...]:
    handlers = bpy.app.handlers
    return handlers.undo_post, handlers.redo_post, handlers.save_pre
