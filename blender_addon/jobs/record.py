"""The record of a job, kept as `job.json` in its folder so that it outlives Blender.

    <root>/20260131T120000Z-0a1b2c/
        job.json              this record
        job.lock              held while its Blender lives and the job is not over
        target.ply, frames/   the mesh and the pictures prepared for it
        clip.mp4              the clip, if it was made from a text
        carry.npz             the way back onto a mesh that was not shown as modelled, see `motion.carrying`
        result.safetensors    its result
        result_masks/         the subject's masks, if they were found by the backend
        result_misfit.png     the mesh over the frame that it could not be bent into, if that is why the job failed

Relative paths in the request are relative to the job's folder.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from ..process.backend_locator import protocol
from ..reading import number, read_json, text
from .earlier import todays_request, todays_writing
from .folder import cannot_write, new_job_folder, remove_folder, write_whole
from .lock import Lock, is_held

JOB_FILE, LOCK_FILE, RESULT_FILE = "job.json", "job.lock", "result.safetensors"
TARGET_FILE, FRAMES_FOLDER, CLIP_FILE, MASKS_FOLDER = "target.ply", "frames", "clip.mp4", "result_masks"
MISFIT_FILE = f"{Path(RESULT_FILE).stem}{protocol.MISFIT_ENDING}"


class State(StrEnum):
    WAITING = "waiting"
    PREPARING = "preparing"
    RUNNING = "running"
    FINISHED = "finished"
    """The result exists but is not in the .blend file yet."""
    WRITTEN = "written"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """Blender ended before the job was over."""


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
        log: the last lines of the backend's log, or a Python traceback.
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
        folder: the job's folder.
        request: what to make the motion from, and how; relative paths are relative to `folder`.
        rematch: for a job that matches a finished result to its clip again, the request to send to the backend instead.
            `request` is then the one that the result was made for, with this job's choices of match and facing.
        title: shown to the artist.
        purpose: whether the result becomes a new object or keys of the selected mesh.
        blend_file: id of the .blend file that it belongs to.
        writing: what `delivery` needs to write the result, such as target and options; plain JSON.
        created: seconds since 1970, UTC.
        timings: seconds of each stage, as reported by the backend.
        result: the rest of the backend's answer: poses, vertices, faces, duration, seconds, reference_frame, loads,
            plan, retried_for_memory, fit.
    """

    folder: Path
    request: protocol.Animate
    rematch: protocol.Rematch | None = None
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
        """The path for the mesh to animate."""
        return self.folder / TARGET_FILE

    @property
    def frames_path(self) -> Path:
        """The folder for rendered frames."""
        return self.folder / FRAMES_FOLDER

    @property
    def misfit_path(self) -> Path | None:
        """The picture of the mesh that could not be bent into the clip; None if there is none."""
        path = self.folder / MISFIT_FILE
        return path if path.is_file() else None

    @property
    def is_live(self) -> bool:
        """Whether the job waits, is being prepared or runs."""
        return self.state in LIVE

    @property
    def has_result(self) -> bool:
        return self.result_path.is_file()

    def resolved(self) -> protocol.Animate:
        """Return the request with absolute paths."""
        known = tuple(replace(known, mesh=str(self.folder / known.mesh)) for known in self.request.known)
        names = ("clip", "mask", "mesh", *(("picture",) if isinstance(self.request, protocol.Generate) else ()))
        return replace(self.request, known=known, **self._paths(self.request, *names))

    def asked(self) -> protocol.Animate | protocol.Rematch:
        """Return the request to send to the backend, with absolute paths."""
        if self.rematch is None:
            return self.resolved()
        return replace(self.rematch, **self._paths(self.rematch, "result", "clip", "mask"))

    def _paths(self, request: protocol.Animate | protocol.Rematch, *names: str) -> dict[str, Any]:
        """Return the named fields of a request and `out` as absolute paths; None stays None."""
        given = {name: getattr(request, name) for name in names}
        paths = {name: None if path is None else str(self.folder / path) for name, path in given.items()}
        return {"out": tuple(str(self.folder / path) for path in request.out), **paths}

    def save(self) -> None:
        """Write `job.json`; if that fails, raise FolderError and leave the file as it was."""
        write_whole(self.folder / JOB_FILE, json.dumps(self.as_json(), indent=1).encode())

    def as_json(self) -> dict[str, Any]:
        """Return the record as plain JSON, without the folder and the lock."""
        plain = {name: getattr(self, name) for name in FIELDS}
        return plain | {
            name: None if plain[name] is None else asdict(plain[name]) for name in ("request", "rematch", "error")
        }

    def release(self) -> None:
        """Release the lock when the job is over."""
        if self.lock is not None:
            self.lock.release()
        self.lock = None


FIELDS = tuple(item.name for item in fields(JobRecord) if item.name not in ("folder", "lock"))


def new_record(
    root: Path, request: protocol.Animate, rematch: protocol.Rematch | None = None, **facts: Any
) -> JobRecord:
    """Make a job's folder, lock it and return the record; the only result will be `result.safetensors`.

    Args:
        root: of the job folders.
        request, rematch: relative paths, such as "target.ply" and "frames", are relative to the new folder.
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
    if rematch is not None:
        rematch = replace(rematch, out=(RESULT_FILE,))
    return JobRecord(folder, replace(request, out=(RESULT_FILE,)), rematch, lock=lock, **facts)


def read_record(folder: Path) -> JobRecord | None:
    """Return the record in a job folder, or None if it is missing, damaged or in another form.

    A job that was not over when its Blender ended is reported as interrupted, or as finished if its result exists:
    the backend writes a result completely or not at all.
    """
    record = _read_file(folder)
    if record is None or not record.is_live or is_held(folder / LOCK_FILE):
        return record
    record = _read_file(folder)  # the lock's owner saved the final state before releasing the lock
    if record is not None and record.is_live:
        record.state = State.FINISHED if record.has_result else State.INTERRUPTED
    return record


def _read_file(folder: Path) -> JobRecord | None:
    try:
        plain = _exactly(dict)(read_json(folder / JOB_FILE))
        return JobRecord(folder, **{name: READERS[name](plain[name]) for name in FIELDS if name in plain})
    except (OSError, ValueError, TypeError, KeyError, protocol.ProtocolError):
        return None


def _exactly(kind: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if not isinstance(value, kind):
            raise TypeError(f"{value!r:.80} is not a {kind.__name__}")
        return value

    return check


LATEST = 2.0**32 - 1
"""Seconds since 1970; systems cannot convert later times to a date."""
LONGEST_NAME, LONGEST_SENTENCE, LONGEST_RUN = 1000, 10_000, 1e9
"""Maximum characters of a line in a panel, characters of an error's sentence, and seconds of a stage."""


def _read_request(plain: dict[str, Any]) -> protocol.Animate:
    """Return a job's request; one with a prompt makes its clip first."""
    return protocol.read(protocol.Generate if "prompt" in plain else protocol.Animate, todays_request(plain))


def _read_error(value: Any) -> JobError | None:
    if value is None:
        return None
    error = protocol.read(JobError, value)
    for told in (error.kind, error.problem, error.cure):
        text(told, LONGEST_SENTENCE)
    return error


def _read_timings(value: Any) -> dict[str, float]:
    return {
        text(name, LONGEST_NAME): number(seconds, 0, LONGEST_RUN) for name, seconds in _exactly(dict)(value).items()
    }


def _read_result(value: Any) -> dict[str, Any]:
    """Return the backend's answer, checked where panels show it: the plan, and whether memory ran out."""
    result = _exactly(dict)(value)
    text(result.get("plan", ""), LONGEST_NAME)
    if "retried_for_memory" in result:
        _exactly(bool)(result["retried_for_memory"])
    return result


READERS: dict[str, Callable[[Any], Any]] = {
    "request": lambda value: _read_request(_exactly(dict)(value)),
    "rematch": lambda value: None if value is None else protocol.read(protocol.Rematch, value),
    "title": lambda value: text(value, LONGEST_NAME),
    "purpose": Purpose,
    "blend_file": lambda value: text(value, LONGEST_NAME),
    "writing": lambda value: todays_writing(_exactly(dict)(value)),
    "created": lambda value: number(value, 0, LATEST),
    "state": State,
    "error": _read_error,
    "timings": _read_timings,
    "result": _read_result,
}
assert set(READERS) == set(FIELDS)
