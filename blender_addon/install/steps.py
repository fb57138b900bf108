"""The steps of an installation, from the first check to the environment in use."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InstallError
from ..jobs.folder import job_folders, jobs_root
from ..jobs.lock import TAKEN, is_held
from ..jobs.lock import Lock as FileLock
from ..jobs.record import LOCK_FILE as JOB_LOCK
from ..process.backend_locator import environments_folder, python_in, user_folder
from . import cards, packages, places, preflight, programs, trial
from .child import Children
from .computer import BOXES, Computer, this_computer
from .locks import KINDS, Lock, fitting_locks
from .messages import Action, Finished, Message, Planned, Progress, Request, Stage
from .sources import Sources, find_sources

Tell = Callable[[Message], None]


def run(request: Request, children: Children, tell: Tell) -> Message:
    """Carry out a request; return the last message.

    Raises:
        InstallError, FolderError: the request cannot be carried out.
        Cancelled: the artist cancelled.
    """
    if request.action is Action.REMOVE:
        return _remove(tell)
    tell(Progress(Stage.PREFLIGHT, "Checking this computer"))
    computer = this_computer()
    sources = find_sources(request.wheels, request.index, os.environ)
    advice = cards.advise(computer.platform, cards.find_card())
    chosen = tuple(kind for kind in advice.kinds if kind == request.kind)
    locks = fitting_locks(computer, chosen or advice.kinds)
    preflight.check(request, computer, locks[0], sources)
    if request.action is Action.PLAN:
        notes = [note for note in (advice.note, BOXES.get(computer.box, "")) if note]
        return Planned(
            KINDS[locks[0].kind], locks[0].download, locks[0].installed, str(user_folder()), sources.words, notes
        )
    with _alone():
        return _install(request, computer, locks, sources, children, tell)


def _install(
    request: Request, computer: Computer, locks: list[Lock], sources: Sources, children: Children, tell: Tell
) -> Finished:
    start = time.monotonic()
    places.remove_halves()
    tell(Progress(Stage.TOOL, "Getting the installer"))
    uv = programs.get_uv(computer, sources, children, lambda there, total: _told_of_uv(there, total, children, tell))
    tell(Progress(Stage.PYTHON, "Looking for a Python"))
    python, lock = programs.get_python(uv, locks, computer, request.blender_python, children)
    try:
        folder = _make(uv, python, lock, children, tell)
    except InstallError:
        if request.action is not Action.REPAIR:
            raise
        children.write("Trying again with everything downloaded again.")
        places.remove(programs.cache_folder())
        folder = _make(uv, python, lock, children, tell)
    if not _in_use(request.jobs):
        places.remove_replaced()
    return Finished(str(python_in(folder)), time.monotonic() - start, places.size_on_disk(folder))


def _make(uv: programs.Uv, python: str, lock: Lock, children: Children, tell: Tell) -> Path:
    """Make and test a new environment and put it into use; remove it if it does not pass."""
    folder = places.new_environment(lock.folder_name)
    try:
        programs.make_environment(uv, python, folder, children)
        packages.install_packages(uv, lock, folder, children, tell)
        versions = _try(folder, lock, children, tell)
        size = places.size_on_disk(folder)
        places.record_passed(folder, places.Passed(lock.path.name, lock.digest, lock.kind, python, versions, size))
    except BaseException:
        places.remove(folder)
        raise
    return folder


def _try(folder: Path, lock: Lock, children: Children, tell: Tell) -> dict[str, str]:
    tell(Progress(Stage.IMPORT, "Loading every package once"))
    versions = trial.check_imports(folder, lock.kind, children, tell)
    tell(Progress(Stage.TRIAL, "Making a test animation"))
    trial.animate_once(folder, children, tell)
    return versions


def _told_of_uv(there: int, total: int | None, children: Children, tell: Tell) -> None:
    children.check()
    tell(Progress(Stage.TOOL, f"{there / 1e6:.0f} MB", there / total if total else None))


def _in_use(jobs: str) -> bool:
    """Return whether any Blender has an unfinished job, which may be running in an environment to be removed."""
    return any(is_held(folder / JOB_LOCK) for folder in job_folders(jobs_root(jobs)))


def _remove(tell: Tell) -> Finished:
    tell(Progress(Stage.REMOVE, "Removing the backend"))
    with _alone():
        size = places.size_on_disk(environments_folder(), places.downloads_folder())
        places.remove_all()
        left = places.size_on_disk(environments_folder(), places.downloads_folder())
    if left > size // 100:
        raise InstallError(
            f"{left / 1e9:.1f} GB could not be removed because a program is using them.",
            "Close every other Blender, then press Remove again.",
        )
    return Finished(bytes=size)


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the installation lock; the operating system releases it if the process dies."""
    folder = user_folder()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(folder / places.LOCK_FILE)
    except TAKEN as error:
        raise InstallError("Another Blender is installing the backend.", "Wait until it is done.") from error
    try:
        yield
    finally:
        lock.release()
