"""The queue of jobs of this Blender, the timer that drives it, and the state that the panels show.

Nothing starts before it is needed; everything ends with Blender or when the extension is disabled. Results are written
to the scene by `arrivals`.
"""

import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bpy
from bpy.app.handlers import persistent

from ..errors import ArtistError
from ..jobs import events, past_jobs
from ..jobs.folder import NAME, jobs_root
from ..jobs.queue import JobQueue, Preparation
from ..jobs.record import JobError, JobRecord, State, read_record
from ..process.another_computer import start_remote_worker
from ..process.backend_locator import protocol
from ..process.client import WorkerClient, start_worker
from ..scene import frame_picture, tampered
from . import blend_identity, job_list, panel_state, pointing_state, thumbnail, ticking
from .arrivals import Arrivals
from .choices import choices
from .notices import AlreadyShown, Problem, bug
from .panel_state import Tracking, show, show_failure
from .sights import Asked, Sights
from .windows import redraw_panels, redraw_status_bar

BUSY_SECONDS, PREPARING_SECONDS, IDLE_SECONDS = 0.04, 0.01, 0.5
"""Seconds between two ticks: while the backend works, while Blender itself works for a job, and while idle."""


class Runner:
    """The jobs of this Blender: submitted, followed, waited for and cancelled. There is one, `runner`.

    Args:
        state: what the panels show, kept up to date here.
        arrivals: the finished results until they are in the scene.
    """

    def __init__(self) -> None:
        self.state, self.arrivals = panel_state.state, Arrivals()
        self._queue: JobQueue | None = None
        self._over: dict[str, JobRecord] = {}
        self._sights = Sights()
        self._timer = self.tick  # kept because Blender knows a timer by its identity

    def submit(self, record: JobRecord, preparation: Preparation | None = None, plays: bool = False) -> str:
        """Queue a job and make sure that the timer runs; return the job's id.

        Args:
            plays: whether to play the result as soon as it is written.
        Raises:
            ArtistError: its folder cannot be written.
        """
        id = self._get_queue().submit(record, preparation)
        self.arrivals.expect(id, plays)
        panel_state.show_end(None)
        self._drive()
        return id

    def look(self, params: protocol.Look, settings: bpy.types.PropertyGroup) -> int:
        """Request the thumbnail of the reference frame; return the ticket of the answer. Drop an earlier request."""
        keys = thumbnail.source_key(settings), thumbnail.clip_key(settings)

        def take(seen: protocol.Looked) -> None:
            self.state.look = thumbnail.of_frame(seen, keys)

        return self.ask(params, take)

    def ask(
        self,
        params: protocol.Look | protocol.Track,
        take: Callable[[Any], None],
        failed: Callable[[JobError], None] = show_failure,
    ) -> int:
        """Ask about a clip; return the ticket of the answer. Drop what was asked before, see `drop_look`.

        Args:
            take: receives the answer.
            failed: receives the reason if there is none.
        """
        ticket = self._get_queue().look(params)
        self._sights.expect(ticket, Asked(take, failed, isinstance(params, protocol.Track)))
        self._drive()
        return ticket

    def drop_look(self) -> None:
        """Cancel what was asked about a clip; nobody is told."""
        self._sights.forget()
        if self._queue is not None:
            self._queue.drop_look()
        self._look_around()

    def wait_for(self, jobs: Sequence[str]) -> None:
        """Block until the jobs are over and their results written; for scripts.

        Raises:
            ArtistError: a job failed, was cancelled, or could not be written; the other jobs still ran.
        """
        for id in jobs:
            if id not in self._over:
                self._get_queue().run_until_done(id, self._hear)
            self.arrivals.write()
            self._get_queue().make_room()
        for id in jobs:
            if self._over[id].state is not State.WRITTEN:
                raise self._complaint(self._over[id])

    def wait_for_look(self, ticket: int) -> None:
        """Block until a look or track is over; raise ArtistError if it failed."""
        while self._sights.expects(ticket):
            self._go_on()
            time.sleep(PREPARING_SECONDS)
        if self.state.problem is not None:
            raise AlreadyShown(self.state.problem.problem, self.state.problem.cure, self.state.problem.fix)

    def cancel(self, job: str = "") -> bool:
        """Cancel a job, or the running one if none is named; return False if it is over."""
        if self._queue is None or not self._queue.records:
            return False
        return self._queue.cancel(job or self._queue.records[0].id)

    def folder(self, job: str = "") -> Path:
        """Return the folder of a job, or of all jobs; raise ArtistError if there is none."""
        place = self.record(job).folder if job else jobs_root(choices().job_folder)
        if not place.is_dir():
            raise ArtistError(f"There is no job folder at {place} yet.", "It is created with the first job.")
        return place

    def record(self, job: str) -> JobRecord:
        """Return a job's record from disk; raise ArtistError if there is none with that id."""
        kept = read_record(jobs_root(choices().job_folder) / job) if NAME.fullmatch(job) else None
        if kept is None:
            raise ArtistError("The job is no longer in the job folder.", "Choose the clip and run it again.")
        return kept

    def remove(self, job: str) -> None:
        """Delete a job; raise ArtistError if it still runs or is about to be written."""
        if any(arrived.id == job for arrived in self.arrivals.waiting):
            raise ArtistError("The job's result is about to be written.", "Finish what you are doing first.")
        if not past_jobs.remove(self.record(job)):
            raise ArtistError("The job is not over yet.", "Cancel it first.")
        job_list.forget()
        redraw_panels()

    def start_backend(self) -> None:
        """Start the backend; raise ArtistError if there is none."""
        self._get_queue().start_backend()
        self._drive()

    def stop_backend(self) -> int:
        """Stop the backend and cancel all jobs; return their number."""
        if self._queue is None:
            return 0
        count = len(self._queue.records)
        self._queue.stop_backend()
        self._sights.forget()
        self._go_on()
        return count

    def use_other_backend(self) -> None:
        """Let the next job use the backend that the preferences name now; leave all jobs alone."""
        if self._queue is not None:
            self._queue.renew_backend()
            self._look_around()

    def free_memory(self) -> None:
        """Remove the models from memory as soon as nothing runs."""
        if self._queue is not None:
            self._queue.free_memory()

    def refresh_backend(self) -> None:
        """Ask the backend again what it has, such as new checkpoints."""
        if self._queue is not None:
            self._queue.backend.refresh()

    def log_path(self) -> Path | None:
        """Return the log of the latest backend, or None if none was started."""
        return self._queue.backend.log if self._queue is not None else None

    def tick(self) -> float | None:
        """Do a little work; return the seconds until the next call, or None if there is nothing left to wait for."""
        try:
            self._go_on()
            if self.arrivals.waiting and not self.arrivals.must_wait():
                self.arrivals.write()
        except Exception:
            traceback.print_exc()
            show(Problem.of(bug()))
        is_resting = self._queue is not None and self._queue.resting
        if any(record.state is State.PREPARING for record in self.state.records) and not is_resting:
            return PREPARING_SECONDS
        if self.state.records or self.state.looking or self.state.tracking or self.arrivals.waiting:
            return BUSY_SECONDS
        is_away = self.state.worker in (events.WorkerState.STOPPED, events.WorkerState.NOT_FOUND)
        return None if is_away else IDLE_SECONDS

    def attach(self, deliver: Callable[[JobRecord], bpy.types.Object]) -> None:
        """Start to notice when a file is opened; start nothing else.

        Args:
            deliver: write a job's result into the scene and return its object.
        """
        self.arrivals.deliver = deliver
        thumbnail.attach()
        blend_identity.attach()
        if _file_was_opened not in bpy.app.handlers.load_post:
            bpy.app.handlers.load_post.append(_file_was_opened)

    def detach(self) -> None:
        """End the backend and forget everything."""
        self.end()
        ticking.stop(self._timer)
        if _file_was_opened in bpy.app.handlers.load_post:
            bpy.app.handlers.load_post.remove(_file_was_opened)
        blend_identity.detach()
        thumbnail.detach()

    def end(self) -> None:
        """End the backend without touching Blender's data."""
        if self._queue is not None:
            self._queue.close()
        self._queue = None
        panel_state.reset()
        self.arrivals.clear()
        self._over.clear()
        self._sights.forget()
        pointing_state.end()

    def _get_queue(self) -> JobQueue:
        """Return the queue, updated from the current preferences."""
        now = choices()
        if self._queue is None:
            self._queue = JobQueue(_start_backend)
        self._queue.backend.keep_minutes, self._queue.size_limit = now.keep_minutes, now.job_limit
        return self._queue

    def _drive(self) -> None:
        """Start the timer unless it runs.

        A persistent timer survives opening a file. Without a window no timer fires, see `wait_for`.
        """
        job_list.forget()
        self._look_around()
        ticking.start(self._timer)

    def _go_on(self) -> None:
        for event in self._queue.poll() if self._queue is not None else []:
            self._hear(event)

    def _hear(self, event: events.Event) -> None:
        if isinstance(event, events.Progressed):
            self.state.progress[event.record.id] = event
        elif isinstance(event, events.END_OF_JOB):
            self._end_job(event)
        elif isinstance(event, events.OfLook):
            self._sights.hear(event)
        if isinstance(event, (events.Started, *events.END_OF_JOB)):
            job_list.forget()
        self._look_around()

    def _look_around(self) -> None:
        """Copy the queue's state for the panels."""
        if self._queue is not None:
            backend = self._queue.backend
            self.state.worker, self.state.machine, self.state.host = self._queue.state, backend.machine, backend.host
            self.state.records, self.state.looking = self._queue.records, self._sights.looking
            self.state.tracking = Tracking(self._sights.notice) if self._sights.tracking else None
        redraw_panels()
        if self.state.records:
            redraw_status_bar()

    def _end_job(self, event: events.Finished | events.Failed | events.Cancelled) -> None:
        self.state.progress.pop(event.record.id, None)
        self._over[event.record.id] = event.record
        if isinstance(event, events.Finished):
            self.arrivals.add(event.record)
        else:
            panel_state.show_end(event.record)
        if isinstance(event, events.Failed):
            show(Problem.of_job(event.record))

    def _complaint(self, job: JobRecord) -> ArtistError:
        """Return why a job that was waited for has no result in the scene."""
        if job.state is State.CANCELLED:
            return ArtistError(f"{job.title} was cancelled.")
        shown = self.state.problem or Problem.of_job(job)
        return AlreadyShown(shown.problem, shown.cure, shown.fix)


def _start_backend() -> WorkerClient:
    """Start the backend that the preferences name, here or on another computer."""
    now = choices()
    if now.computer is not None:
        return start_remote_worker(now.computer)
    return start_worker(now.python, now.checkpoints)


@persistent
def _file_was_opened(path: str = "", *_: object) -> None:
    tampered.mend_settings()
    blend_identity.another_was_opened(path)
    job_list.forget()
    pointing_state.end()
    frame_picture.forget()
    panel_state.state.problem = panel_state.state.look = panel_state.state.ended = None
    panel_state.state.strips = ()


runner = Runner()
