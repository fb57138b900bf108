"""The queue of jobs: Blender prepares them step by step, the backend runs them one by one, and any can be cancelled.

A timer calls `poll`, which never waits for the backend; scripts call `run_until_done`.
"""

import json
import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from inspect import GEN_RUNNING, getgeneratorstate

from ..errors import ArtistError
from ..process import client
from ..process.backend_locator import protocol
from ..process.client import WorkerClient
from . import events
from .folder import remove_folder
from .looks import Looks
from .overall import Experience, Overall
from .past_jobs import make_room
from .record import JobError, JobRecord, State
from .troubles import told_by_backend, told_by_blender
from .worker_lifecycle import Backend, Lost

Preparation = Generator[protocol.ProgressNotice | None, None, None]
"""Does Blender's own work piece by piece and yields its progress, as the backend does, for job 0.

It yields None while it waits for another process. `close` cleans up.
"""
TIDYING_SECONDS = 0.002
"""Seconds that each poll may spend on removing old job folders."""


@dataclass(eq=False)
class _Job:
    """A job in the queue; `request` is its request id while the backend works on it."""

    record: JobRecord
    preparation: Preparation | None
    overall: Overall
    request: int | None = None
    cancelled: bool = False


class JobQueue:
    """Run jobs one after another.

    Args:
        make_client: starts a worker; raises an ArtistError if it cannot.
        keep_minutes: idle minutes until the models are removed from memory; 0 is at once, None is never.
        size_limit: bytes that all job folders may take together; None is no limit.
        patience: seconds to wait for a cancelled job to stop before the worker is killed.
        clock: returns the time in seconds.
    """

    def __init__(
        self,
        make_client: Callable[[], WorkerClient],
        keep_minutes: float | None = 10.0,
        size_limit: int | None = None,
        patience: float = 20.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.backend = Backend(make_client, keep_minutes, patience, clock)
        self.size_limit = size_limit
        self._clock = clock
        self._looks = Looks(self.backend)
        self._waiting: deque[_Job] = deque()
        self._current: _Job | None = None
        self._events: list[events.Event] = []
        self._told = (self.backend.state, self.backend.error)
        self._polling = False
        self.resting = False
        """Whether the current preparation waits for another process."""
        self._experience = Experience()
        self._tidying: Iterator[str] = iter(())

    @property
    def state(self) -> events.WorkerState:
        return self.backend.state

    @property
    def records(self) -> list[JobRecord]:
        """The records of the running and waiting jobs, in order."""
        return [job.record for job in self._jobs()]

    def submit(self, record: JobRecord, preparation: Preparation | None = None) -> str:
        """Queue a job made by `new_record`; return its id.

        Args:
            preparation: Blender's work for the job when its turn comes. It may raise errors with a `problem` and a
                `cure`.
        Raises:
            FolderError: the record cannot be written; the job's folder is removed.
        """
        assert record.state is State.WAITING
        try:
            record.save()
        except ArtistError:
            record.release()
            remove_folder(record.folder)
            raise
        expected = self._experience.expected(record.rematch or record.request)
        self._waiting.append(_Job(record, preparation, Overall(expected, preparation is not None, self._clock)))
        return record.id

    def look(self, params: protocol.Look | protocol.Track) -> int:
        """Look at a clip as soon as no job runs; return the ticket of its event. Drop an earlier look."""
        return self._looks.ask(params)

    def drop_look(self) -> None:
        """Cancel the look that waits or runs; it has no event."""
        self._looks.drop()

    def cancel(self, id: str) -> bool:
        """Cancel a job in any state; return False if it is over. A later poll returns its `Cancelled` event."""
        job = next((job for job in self._jobs() if job.record.id == id), None)
        if job is None:
            return False
        if not job.cancelled and job.request is not None:
            self.backend.cancel(job.request)
        job.cancelled = True
        return True

    def start_backend(self) -> None:
        """Start the backend before there is a job; raise ArtistError if it cannot start."""
        self.backend.start()

    def stop_backend(self) -> None:
        """Stop the backend and cancel all jobs; return at once."""
        self._looks.drop()
        for job in self._jobs():
            self._close(job, State.CANCELLED, events.Cancelled(job.record))
        self.backend.stop()

    def renew_backend(self) -> None:
        """Give the next job to a new backend. All jobs stay; one that already runs finishes where it is."""
        self.backend.renew()

    def free_memory(self) -> None:
        """Remove the models from memory as soon as no job runs."""
        self.backend.unload()

    def close(self, grace: float = 2.0) -> None:
        """End everything when Blender ends; wait `grace` seconds for the backend, then end it by force."""
        self._looks.drop()
        for job in self._jobs():
            self._close(job, State.INTERRUPTED)
        self.backend.stop(grace, wait=True)
        self._events.clear()

    def poll(self) -> list[events.Event]:
        """Do a little work: receive the backend's events, do one step of a preparation; return what happened."""
        if self._polling:
            return []  # a preparation that renders may let Blender's timers run
        self._polling = True
        try:
            for event in self.backend.poll():
                self._hear(event)
            self._end_cancelled()
            if not self._has_finished():
                self._go_on()
        finally:
            self._polling = False
        return self._tell()

    def make_room(self, seconds: float = math.inf) -> None:
        """Remove old job folders beyond the limit for about `seconds`; leave the rest for the next call.

        This does not run in a thread: Blender up to 5.0 crashes if a thread runs while an operator is called for
        another window or scene, as happens when a result is delivered.
        """
        end = self._clock() + seconds
        for _ in self._tidying:
            if self._clock() >= end:
                return

    def run_until_done(
        self, id: str, on_event: Callable[[events.Event], object] = lambda event: None, sleep: float = 0.02
    ) -> JobRecord:
        """Poll until the job is over; return its record. For scripts, where no timer runs."""
        assert id in [record.id for record in self.records], f"{id} is not in the queue"
        while True:
            happened = self.poll()
            for event in happened:
                on_event(event)
            for event in happened:
                if isinstance(event, events.END_OF_JOB) and event.record.id == id:
                    return event.record
            time.sleep(sleep)

    def _jobs(self) -> list[_Job]:
        return ([self._current] if self._current is not None else []) + list(self._waiting)

    def _tell(self) -> list[events.Event]:
        now = (self.backend.state, self.backend.error)
        if now != self._told:
            self._told = now
            self._events.append(events.BackendChanged(*now))
        happened, self._events = self._events, []
        return happened

    def _end_cancelled(self) -> None:
        """Close cancelled jobs that are not running in the backend."""
        for job in self._jobs():
            if job.cancelled and job.request is None:
                self._close(job, State.CANCELLED, events.Cancelled(job.record))

    def _has_finished(self) -> bool:
        """Return whether a result is to be reported. It is delivered first, while the backend and its threads rest."""
        return any(isinstance(event, events.Finished) for event in self._events)

    def _go_on(self) -> None:
        self._advance()
        self._end_cancelled()
        self.backend.tend(idle=not self._jobs() and not self._looks.pending)
        self.make_room(TIDYING_SECONDS)

    def _advance(self) -> None:
        """Move the first job, or a look, one step forward."""
        if self._current is None and self._waiting:
            self._begin(self._waiting.popleft())
        job = self._current
        if job is not None and job.request is not None or (job is None and not self._looks.wanted):
            return
        try:
            self.backend.start()
        except ArtistError:
            assert self.backend.error is not None
            self._fail_all(self.backend.error)
            return
        if self._looks.wanted and self.backend.free:
            self._looks.send()
        if job is not None and job.preparation is not None:
            self._prepare(job, job.preparation)
        elif job is not None and self.backend.free and self._enter(job, State.RUNNING):
            job.request = self.backend.occupy(job.record.asked())

    def _begin(self, job: _Job) -> None:
        self._current, self.resting = job, False
        self._events.append(events.Started(job.record))
        if job.preparation is not None:
            self._enter(job, State.PREPARING)

    def _prepare(self, job: _Job, preparation: Preparation) -> None:
        try:
            told = next(preparation)
        except StopIteration:
            job.preparation = None
        except Exception as error:
            if job is self._current:
                self._fail(job, told_by_blender(error, job.record.folder))
        else:
            if job is not self._current:
                preparation.close()  # the job was closed from within this step, see _close
                return
            self.resting = told is None
            if told is None:
                return
            overall = job.overall.prepare(told.step, told.total)
            self._events.append(events.Progressed(job.record, told, overall, job.overall.seconds_left()))

    def _enter(self, job: _Job, state: State) -> bool:
        """Save a job's new state; return False and fail the job if that is impossible, as on a full disk."""
        job.record.state = state
        try:
            job.record.save()
        except ArtistError as error:
            self._fail(job, told_by_blender(error, job.record.folder))
            return False
        return True

    def _hear(self, event: client.Answered | client.Refused | client.Noted | Lost) -> None:
        if isinstance(event, Lost):
            self._lose(event)
        elif isinstance(event, client.Noted):
            self._note(event.notice)
        elif self._current is not None and event.id == self._current.request:
            self._end(self._current, event)
        else:
            self._events += self._looks.answered(event)

    def _note(self, notice: protocol.Params) -> None:
        job = self._current
        if isinstance(notice, protocol.LogNotice):
            self._events.append(events.Warned(notice.level, notice.message))
        elif isinstance(notice, protocol.ProgressNotice) and job is not None and notice.job == job.request:
            overall = job.overall.work(notice)
            left = job.overall.seconds_left(notice.seconds_left)
            self._events.append(events.Progressed(job.record, notice, overall, left))
        elif isinstance(notice, protocol.ProgressNotice):
            self._events += self._looks.noted(notice)

    def _end(self, job: _Job, event: client.Answered | client.Refused) -> None:
        """Handle the backend's answer for a job; a job that was cancelled too late stays cancelled."""
        job.request = None
        if job.cancelled:
            return
        if isinstance(event, client.Refused):
            self._fail(job, told_by_backend(event.error, self.backend.log_tail))
            return
        facts = json.loads(json.dumps(asdict(event.value)))  # the same types as when read back from disk
        job.record.timings = facts.pop("timings")
        job.record.result = {name: fact for name, fact in facts.items() if name != "out"}
        self._experience.learn(job.record.rematch or job.record.request, event.value.timings)
        self._close(job, State.FINISHED, events.Finished(job.record))

    def _lose(self, event: Lost) -> None:
        """Fail the job of a lost worker; the others continue with a new worker unless that is hopeless."""
        if event.hopeless:
            self._fail_all(event.error)
            return
        self._events += self._looks.lost(event.error)
        job = self._current
        if job is not None and job.request is not None:
            job.request = None
            if not job.cancelled:
                self._fail(job, event.error)

    def _fail_all(self, error: JobError) -> None:
        self._events += self._looks.fail(error)
        for job in self._jobs():
            self._fail(job, error)

    def _fail(self, job: _Job, error: JobError) -> None:
        job.record.error = error
        self._close(job, State.FAILED, events.Failed(job.record))

    def _close(self, job: _Job, state: State, event: events.Event | None = None) -> None:
        """Remove a job from the queue and save its final state.

        If that cannot be saved, `read_record` infers it from the files in the folder.
        """
        try:
            if job.preparation is not None and getgeneratorstate(job.preparation) != GEN_RUNNING:
                job.preparation.close()
        except Exception as error:
            job.record.error = job.record.error or told_by_blender(error, job.record.folder)
        job.record.state = state
        with suppress(ArtistError):
            job.record.save()
        job.record.release()
        if job is self._current:
            self._current = None
        else:
            self._waiting.remove(job)
        if event is not None:
            self._events.append(event)
        if self.size_limit is not None:
            self._tidying = make_room(job.record.folder.parent, self.size_limit)
