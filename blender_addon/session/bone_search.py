"""The one running search for bones in this Blender: a worker of its own, followed by a timer until it ends.

A timer follows it, not a modal operator: while a modal operator runs, Blender does not save automatically. It needs no
model, so it runs beside the queue of jobs.
"""

import shutil
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..errors import ArtistError
from ..jobs.model_task import ModelTask
from ..process.another_computer import start_remote_worker
from ..process.backend_locator import protocol
from ..process.client import start_brief_worker
from . import panel_state, ticking
from .choices import choices
from .interruption import is_occupied
from .notices import Problem, bug, fix_of
from .windows import in_a_window, redraw_panels

SECONDS = 0.1
"""Seconds between two ticks."""
AGAIN = "Bake to Armature again."
Deliver = Callable[[protocol.Rigged], None]


@dataclass
class Search:
    """A running search.

    Args:
        folder: holds its files; removed at its end.
        deliver: write what was found into the scene; called in Object Mode while no operator runs.
        since: when the bones were found, by `time.monotonic`.
    """

    task: ModelTask
    folder: Path
    deliver: Deliver
    since: float | None = None


_search: Search | None = None
_error: ArtistError | None = None


def running() -> Search | None:
    return _search


def begin(request: protocol.Rig, folder: Path, deliver: Deliver) -> None:
    """Start a search; raise ArtistError if one runs, or if no backend can be started."""
    global _search, _error
    if _search is not None:
        raise ArtistError("A search for bones is already running.", "Wait for it or cancel it.")
    _error = None
    computer = choices().computer
    worker = start_remote_worker(computer, brief=True) if computer else start_brief_worker(choices().python)
    _search = Search(ModelTask(worker, request, AGAIN), folder, deliver)
    ticking.start(tick)


def wait() -> None:
    """Block until the search is over and its result written, for scripts; raise ArtistError if it failed."""
    while _search is not None:
        _step(_search, patient=False)
        time.sleep(SECONDS / 10)
    if _error is not None:
        raise _error


def cancel() -> None:
    """Cancel the search."""
    if _search is not None:
        _search.task.cancel()
        _forget()


def tick() -> float | None:
    """Receive what happened; return the seconds until the next call, or None when nothing runs."""
    if _search is not None:
        _step(_search, patient=True)
        redraw_panels()
    if _error is not None and _search is None:
        panel_state.show(Problem.of(_error))
    return SECONDS if _search is not None else None


def _step(search: Search, patient: bool) -> None:
    """Do a little work; wait for the artist with a result if `patient`."""
    global _error
    search.task.poll()
    if not search.task.over:
        return
    answer = search.task.answer
    if isinstance(answer, protocol.Rigged):
        search.since = search.since or time.monotonic()
        if patient and (bpy.context.mode != "OBJECT" or is_occupied(time.monotonic() - search.since)):
            return
        _error = _delivered(search.deliver, answer)
    elif search.task.error is not None:
        told = search.task.error
        _error = ArtistError(told.problem, told.cure, fix_of(told))
    _forget()


def _delivered(deliver: Deliver, answer: protocol.Rigged) -> ArtistError | None:
    """Write the result; return what went wrong."""
    try:
        with in_a_window():
            deliver(answer)
    except ArtistError as error:
        return error
    except Exception:
        traceback.print_exc()
        return bug()
    return None


def _forget() -> None:
    global _search
    if _search is not None:
        shutil.rmtree(_search.folder, ignore_errors=True)
    _search = None
    redraw_panels()


def detach() -> None:
    """End the search and forget everything."""
    end()
    ticking.stop(tick)


def end() -> None:
    """End the search without touching Blender's data."""
    global _search, _error
    if _search is not None:
        _search.task.end()
        shutil.rmtree(_search.folder, ignore_errors=True)
    _search, _error = None, None
