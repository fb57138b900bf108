"""What is known about a job, kept as `job.json` in its folder so that it outlives Blender.

    <root>/20260131T120000Z-0a1b2c/
        job.json              this record
        job.lock              held while its Blender lives and the job is not over
        target.ply, frames/   what was prepared for it
        result.safetensors    what came of it

Paths in the request that are relative are meant from the job's folder.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from ..backend_files import protocol
from .earlier import todays_request, todays_writing
from .folder import cannot_write, new_job_folder, remove_folder, write_whole
from .lock import Lock, is_held

JOB_FILE, LOCK_FILE, RESULT_FILE = "job.json", "job.lock", "result.safetensors"
TARGET_FILE, FRAMES_FOLDER = "target.ply", "frames"


class State(StrEnum):
    WAITING = "waiting"
    PREPARING = "preparing"
    RUNNING = "running"
    FINISHED = "finished"
    """The result is there, and not yet in the file."""
    WRITTEN = "written"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """Blender ended before the job did."""


class Purpose(StrEnum):
    NEW_OBJECT = "new_object"
    KEYS = "keys"


LIVE = frozenset((State.WAITING, State.PREPARING, State.RUNNING))


@dataclass(frozen=True)
class JobError:
    """Why a job failed.

    Args:
        kind: a `protocol.Kind` such as "out_of_memory", or one of `Trouble`.
        problem, cure: one sentence each; the cure may be empty.
        log: the last lines of the backend's log, or of Python's own account.
    """

    kind: str
    problem: str
    cure: str = ""
    log: str = ""


class Trouble(StrEnum):
    """Kinds of failure on this side of the pipe."""

    WORKER_DIED = "worker_died"
    WORKER_SILENT = "worker_silent"
    BACKEND_MISSING = "backend_missing"
    PREPARATION = "preparation"
    FOLDER = "folder"


@dataclass
class JobRecord:
    """One job; its id is its folder's name.

    Args:
        folder: its own.
        request: what the backend is asked for; relative paths are meant from `folder`.
        title: for the artist's eyes.
        purpose: whether the result becomes an object of its own or keys of the selected mesh.
        blend_file: id of the .blend that it belongs to.
        writing: what the operators need to write the result: targets, options; plain JSON.
        created: seconds since 1970, UTC.
        timings: seconds of each stage, as the backend told them.
        result: what else it told: poses, vertices, faces, duration, reference_frame, loads, plan, retried_for_memory.
    """

    folder: Path
    request: protocol.Animate
    title: str = "Job"
    purpose: Purpose = Purpose.NEW_OBJECT
    blend_file: str = ""
    writing: dict[str, Any] = field(default_factory=dict)
    created: float = field(default_factory=time.time)
    state: State = State.WAITING
    error: JobError | None = None
    timings: dict[str, float] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    lock: Lock | None = field(default=None, repr=False, compare=False)

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def result_path(self) -> Path:
        return self.folder / RESULT_FILE

    @property
    def target_path(self) -> Path:
        """Where the mesh that is to be animated is put."""
        return self.folder / TARGET_FILE

    @property
    def frames_path(self) -> Path:
        """Where rendered frames are put."""
        return self.folder / FRAMES_FOLDER

    @property
    def is_live(self) -> bool:
        """Whether it waits or runs."""
        return self.state in LIVE

    @property
    def has_result(self) -> bool:
        return self.result_path.is_file()

    def resolved(self) -> protocol.Animate:
        """The request with absolute paths."""

        def path(name: str) -> str:
            return str(self.folder / name)

        request = self.request
        return replace(
            request,
            clip=path(request.clip),
            mask=None if request.mask is None else path(request.mask),
            mesh=None if request.mesh is None else path(request.mesh),
            known=tuple(replace(known, mesh=path(known.mesh)) for known in request.known),
            out=tuple(map(path, request.out)),
        )

    def save(self) -> None:
        """Writes `job.json`; raises FolderError when that fails, and the file is as it was."""
        write_whole(self.folder / JOB_FILE, json.dumps(self.as_json(), indent=1).encode())

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, without the folder and the lock."""
        plain = {name: getattr(self, name) for name in FIELDS}
        return plain | {"request": asdict(self.request), "error": None if self.error is None else asdict(self.error)}

    def release(self) -> None:
        """Gives its lock back, when the job is over."""
        if self.lock is not None:
            self.lock.release()
        self.lock = None


FIELDS = tuple(item.name for item in fields(JobRecord) if item.name not in ("folder", "lock"))


def new_record(root: Path, request: protocol.Animate, **facts: Any) -> JobRecord:
    """Makes a job's folder and locks it; the one result will be `result.safetensors`.

    Args:
        root: of the job folders.
        request: relative paths, such as "target.ply" and "frames", are meant from the folder that is made.
        facts: `title`, `purpose`, `blend_file`, `writing` of the JobRecord.
    Raises:
        FolderError: the folder cannot be written.
    """
    folder = new_job_folder(root)
    try:
        lock = Lock(folder / LOCK_FILE)
    except OSError as error:
        remove_folder(folder)
        raise cannot_write(folder, error) from error
    return JobRecord(folder, replace(request, out=(RESULT_FILE,)), lock=lock, **facts)


def read_record(folder: Path) -> JobRecord | None:
    """The record of a job folder; None if it is of another form, damaged or missing.

    A job that a Blender left unfinished when it ended is told as interrupted, or as finished if its result is there:
    the backend writes a result whole or not at all.
    """
    record = _read_file(folder)
    if record is None or not record.is_live or is_held(folder / LOCK_FILE):
        return record
    record = _read_file(folder)  # whoever held the lock wrote the end down before letting go
    if record is not None and record.is_live:
        record.state = State.FINISHED if record.has_result else State.INTERRUPTED
    return record


def _read_file(folder: Path) -> JobRecord | None:
    try:
        plain = json.loads((folder / JOB_FILE).read_bytes())
        return JobRecord(folder, **{name: READERS[name](plain[name]) for name in FIELDS if name in plain})
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, protocol.ProtocolError):
        return None


def _exactly(kind: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if not isinstance(value, kind):
            raise TypeError(f"{value!r:.80} is no {kind.__name__}")
        return value

    return check


LATEST = 2.0**32
"""Seconds since 1970; of later times systems cannot tell the date."""


def _read_time(value: Any) -> float:
    if not (isinstance(value, (int, float)) and 0 <= value < LATEST):
        raise ValueError(f"{value!r:.80} is no time")
    return float(value)


def _read_error(value: Any) -> JobError | None:
    return None if value is None else protocol.read(JobError, value)


READERS: dict[str, Callable[[Any], Any]] = {
    "request": lambda value: protocol.read(protocol.Animate, todays_request(_exactly(dict)(value))),
    "title": _exactly(str),
    "purpose": Purpose,
    "blend_file": _exactly(str),
    "writing": lambda value: todays_writing(_exactly(dict)(value)),
    "created": _read_time,
    "state": State,
    "error": _read_error,
    "timings": _exactly(dict),
    "result": _exactly(dict),
}
assert set(READERS) == set(FIELDS)
