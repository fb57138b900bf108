"""The queue of jobs of this Blender, the timer that drives it, and the state that the panels show.

Nothing starts before it is needed; everything ends with Blender or when the extension is disabled. Results are written
to the scene here, and only while no other operator is in the middle of something.
"""

import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import bpy
from bpy.app.handlers import persistent

from . import delivery, files, looks, presenting, shown
from .backend_files import protocol
from .client import start_worker
from .errors import ArtistError
from .jobs import events, history
from .jobs.folder import NAME, jobs_root
from .jobs.queue import JobQueue, Preparation
from .jobs.record import JobRecord, Purpose, State, read_record
from .occupied import is_occupied
from .preferences import choices
from .problems import AlreadyShown, Problem, fix_of
from .scene import tampered
from .shown import show, state
from .viewport import in_a_window, redraw_panels, redraw_status_bar

BUSY_SECONDS, PREPARING_SECONDS, IDLE_SECONDS = 0.04, 0.01, 0.5
"""Seconds between two ticks: while the backend works, while Blender itself works for a job, and while idle."""

_queue: JobQueue | None = None
_arrived: list[JobRecord] = []
"""Results that wait for a moment when they can be written."""
_since = [0.0]
"""When the first of them arrived."""
_over: dict[str, JobRecord] = {}
_selected: dict[str, tuple] = {}
"""The selection when each job was submitted."""
_playing: set[str] = set()
"""Jobs whose result is played as soon as it is written."""
_asked: dict[int, tuple[tuple, tuple]] = {}
"""For each unfinished look, the key of its source and that of its clip."""


def submit(record: JobRecord, preparation: Preparation | None = None, plays: bool = False) -> str:
    """Queue a job and make sure that the timer runs; return the job's id.

    Args:
        plays: whether to play the result as soon as it is written.
    Raises:
        ArtistError: its folder cannot be written.
    """
    id = _get_queue().submit(record, preparation)
    _selected[id] = presenting.selection(bpy.context)
    if plays:
        _playing.add(id)
    shown.show_end(None)
    _drive()
    return id


def look(params: protocol.Look, settings: bpy.types.PropertyGroup) -> int:
    """Request the thumbnail of the reference frame; return the ticket of the answer. Drop an earlier request."""
    _asked.clear()
    ticket = _get_queue().look(params)
    _asked[ticket] = (looks.source_key(settings), looks.clip_key(settings))
    _drive()
    return ticket


def wait_for(jobs: Sequence[str]) -> None:
    """Block until the jobs are over and their results written; for scripts.

    Raises:
        ArtistError: a job failed, was cancelled, or could not be written; the other jobs still ran.
    """
    for id in jobs:
        if id not in _over:
            _get_queue().run_until_done(id, _hear)
        _write_arrived()
        _get_queue().make_room()
    for id in jobs:
        if _over[id].state is not State.WRITTEN:
            raise _complaint(_over[id])


def wait_for_look(ticket: int) -> None:
    """Block until a look is over; raise ArtistError if it failed."""
    while ticket in _asked:
        _go_on()
        time.sleep(PREPARING_SECONDS)
    if state.problem is not None:
        raise AlreadyShown(state.problem.problem, state.problem.cure, state.problem.fix)


def cancel(job: str = "") -> bool:
    """Cancel a job, or the running one if none is named; return False if it is over."""
    if _queue is None or not _queue.records:
        return False
    return _queue.cancel(job or _queue.records[0].id)


def folder(job: str = "") -> Path:
    """Return the folder of a job, or of all jobs; raise ArtistError if there is none."""
    place = record(job).folder if job else jobs_root(choices().job_folder)
    if not place.is_dir():
        raise ArtistError(f"There is no job folder at {place} yet.", "It is created with the first job.")
    return place


def record(job: str) -> JobRecord:
    """Return a job's record from disk; raise ArtistError if there is none with that id."""
    kept = read_record(jobs_root(choices().job_folder) / job) if NAME.fullmatch(job) else None
    if kept is None:
        raise ArtistError("The job is no longer in the job folder.", "Choose the clip and run it again.")
    return kept


def bring_back(job: str) -> None:
    """Write a job's result into the scene again; raise ArtistError if that fails."""
    kept = record(job)
    made = delivery.bring_back(kept)
    presenting.present(bpy.context, made)
    presenting.bring_into_view(bpy.context, made, closer=False)
    _note_written(kept)


def remove(job: str) -> None:
    """Delete a job; raise ArtistError if it is not over and written to the scene."""
    if any(arrived.id == job for arrived in _arrived):
        raise ArtistError("The job's result is about to be written.", "Finish what you are doing first.")
    if not history.remove(record(job)):
        raise ArtistError("The job is not over yet.", "Cancel it first.")
    files.forget_history()
    redraw_panels()


def start_backend() -> None:
    """Start the backend; raise ArtistError if there is none."""
    _get_queue().start_backend()
    _drive()


def stop_backend() -> int:
    """Stop the backend and cancel all jobs; return their number."""
    if _queue is None:
        return 0
    count = len(_queue.records)
    _queue.stop_backend()
    _go_on()
    return count


def free_memory() -> None:
    """Remove the models from memory as soon as nothing runs."""
    if _queue is not None:
        _queue.free_memory()


def refresh_backend() -> None:
    """Ask the backend again what it has, such as new checkpoints."""
    if _queue is not None:
        _queue.backend.refresh()


def log_path() -> Path | None:
    """Return the log of the latest backend, or None if none was started."""
    return _queue.backend.log if _queue is not None else None


def _get_queue() -> JobQueue:
    """Return the queue, updated from the current preferences."""
    global _queue
    now = choices()
    if _queue is None:
        _queue = JobQueue(lambda: start_worker(choices().python, choices().checkpoints))
    _queue.backend.keep_minutes, _queue.size_limit = now.keep_minutes, now.job_limit
    return _queue


def _drive() -> None:
    """Start the timer unless it runs.

    A persistent timer survives opening a file. Without a window no timer fires, see `wait_for`.
    """
    files.forget_history()
    _look_around()
    if not bpy.app.timers.is_registered(tick):
        bpy.app.timers.register(tick, first_interval=0.0, persistent=True)


def tick() -> float | None:
    """Do a little work; return the seconds until the next call, or None if there is nothing left to wait for."""
    try:
        _go_on()
        if _arrived and not _is_interrupting():
            _write_arrived()
    except Exception:
        traceback.print_exc()
        show(Problem("ActionMesh ran into a bug. The system console has the details.", "Please report it."))
    if any(record.state is State.PREPARING for record in state.records) and not (_queue is not None and _queue.resting):
        return PREPARING_SECONDS
    if state.records or state.looking or _arrived:
        return BUSY_SECONDS
    return None if state.worker in (events.WorkerState.STOPPED, events.WorkerState.NOT_FOUND) else IDLE_SECONDS


def _go_on() -> None:
    heard = _queue.poll() if _queue is not None else []
    for event in heard:
        _hear(event)


def _hear(event: events.Event) -> None:
    if isinstance(event, events.Progressed):
        state.progress[event.record.id] = event
    elif isinstance(event, events.END_OF_JOB):
        _end(event)
    elif isinstance(event, events.Looked):
        _take_look(event)
    elif isinstance(event, events.LookFailed):
        _asked.pop(event.ticket, None)
        show(Problem(event.error.problem, event.error.cure, fix_of(event.error)))
    if isinstance(event, (events.Started, *events.END_OF_JOB)):
        files.forget_history()
    _look_around()


def _look_around() -> None:
    """Copy the queue's state for the panels."""
    if _queue is not None:
        state.worker, state.machine = _queue.state, _queue.backend.machine
        state.records, state.looking = _queue.records, bool(_asked)
    redraw_panels()
    if state.records:
        redraw_status_bar()


def _end(event: events.Finished | events.Failed | events.Cancelled) -> None:
    state.progress.pop(event.record.id, None)
    _over[event.record.id] = event.record
    if isinstance(event, events.Finished):
        _since[:] = [_since[0] if _arrived else time.monotonic()]
        _arrived.append(event.record)
    else:
        shown.show_end(event.record)
    if isinstance(event, events.Failed):
        show(Problem.of_job(event.record))


def _take_look(event: events.Looked) -> None:
    asked, seen = _asked.pop(event.ticket, None), event.value
    if asked is None:
        return
    summary = f"Frame {seen.frame + 1} of {seen.clip_frames}, {seen.width} x {seen.height}"
    icon = looks.picture(Path(seen.out))
    state.look = looks.Look(*asked, icon, seen.clip_frames, summary, looks.warning_of(seen.coverage), seen.fps)


def _is_interrupting() -> bool:
    """Return whether the results have to wait for the artist or for Blender."""
    return is_occupied(time.monotonic() - _since[0])


def _write_arrived() -> None:
    while _arrived:
        job = _arrived.pop(0)
        if not files.is_ours(job):
            show(
                Problem(
                    f"{job.title} is done, but its file is not open.", "Open the file and bring it back from History."
                )
            )
            continue
        try:
            made = delivery.deliver(job)
        except ArtistError as error:
            show(Problem.of(error, job))
        except Exception as error:
            traceback.print_exc()
            fault = f"a bug in ActionMesh ({type(error).__name__}: {error})"
            problem = f"{job.title} is done, but writing it to the scene failed because of {fault}."
            show(Problem(problem, "Try Bring Back, and report this with the system console's text.", finished=job.id))
        else:
            _note_written(job)
            shown.show_end(job)
            with in_a_window():
                _present(job, made)
                presenting.undo_step(f"ActionMesh: {job.title}")
    files.forget_history()
    redraw_panels()


def _note_written(job: JobRecord) -> None:
    """Record that a result was written. A full disk does not undo what is in the scene."""
    job.state = State.WRITTEN
    files.keep_file_id()
    files.forget_history()
    try:
        job.save()
    except ArtistError as error:
        show(Problem.of(error))


def _present(job: JobRecord, made: bpy.types.Object) -> None:
    """Select a new object and bring the result into view, unless the artist changed the selection while the job ran."""
    before, now = _selected.pop(job.id, None), presenting.selection(bpy.context)
    plays = job.id in _playing
    _playing.discard(job.id)
    if before != now:
        return
    if is_new := job.purpose is Purpose.NEW_OBJECT:
        presenting.present(bpy.context, made)
        for id in [id for id, kept in _selected.items() if kept == now]:
            _selected[id] = presenting.selection(bpy.context)
    presenting.bring_into_view(bpy.context, made, closer=is_new)
    if plays:
        presenting.play(bpy.context)


def _complaint(job: JobRecord) -> ArtistError:
    """Return why a job that was waited for has no result in the scene."""
    if job.state is State.CANCELLED:
        return ArtistError(f"{job.title} was cancelled.")
    shown = state.problem or Problem.of_job(job)
    return AlreadyShown(shown.problem, shown.cure, shown.fix)


@persistent
def _file_was_opened(path: str = "", *_: object) -> None:
    tampered.mend_settings()
    files.another_was_opened(path)
    state.problem = state.look = state.ended = None


def attach() -> None:
    """Start to notice when a file is opened; start nothing else."""
    looks.attach()
    files.attach()
    if _file_was_opened not in bpy.app.handlers.load_post:
        bpy.app.handlers.load_post.append(_file_was_opened)


def detach() -> None:
    """End the backend and forget everything."""
    end()
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
    if _file_was_opened in bpy.app.handlers.load_post:
        bpy.app.handlers.load_post.remove(_file_was_opened)
    files.detach()
    looks.detach()


def end() -> None:
    """End the backend without touching Blender's data."""
    global _queue
    if _queue is not None:
        _queue.close()
    _queue = None
    shown.reset()
    for kept in (_arrived, _over, _asked, _selected, _playing):
        kept.clear()
