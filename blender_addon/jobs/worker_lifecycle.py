"""Manage the worker's lifecycle for the queue: start it on demand, free its memory when idle, report when it ends.

The worker does one job, look or unload at a time; `free` tells when the next may be sent.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import ArtistError, FolderError
from ..process import client, log_file
from ..process.backend_locator import CURE, protocol
from ..process.client import FIRST_FRAME, WorkerClient
from ..process.stall_timer import StallTimer
from .events import WorkerState
from .record import JobError, Trouble

MOST_FAILED_STARTS = 2
LOOK_IN_LOG = "Open the log for details, then try again."


@dataclass(frozen=True)
class Lost:
    """The worker has ended.

    Args:
        error: why.
        hopeless: whether a new worker would fail too.
    """

    error: JobError
    hopeless: bool


Event = client.Answered | client.Refused | client.Noted | Lost


class Backend:
    """The backend, with one worker or none.

    Args:
        make_client: starts a worker; raises an ArtistError if it cannot.
        keep_minutes: idle minutes until the models are removed from memory; None keeps them.
        patience: seconds to wait for a cancelled request to stop before the worker is killed.
        clock: returns the time in seconds.
    """

    def __init__(
        self,
        make_client: Callable[[], WorkerClient],
        keep_minutes: float | None,
        patience: float,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.keep_minutes, self.patience = keep_minutes, patience
        self.machine: protocol.Initialized | None = None
        self.error: JobError | None = None
        self.log: Path | None = None
        self._make_client, self._clock = make_client, clock
        self._client: WorkerClient | None = None
        self._introduced = self._missing = self._stale = False
        self._slot: int | None = None
        self._cancelled: StallTimer | None = None
        self._failed_starts = 0
        self._loaded = self._unload_wanted = self._ask_again = False
        self._idle_since = clock()

    @property
    def state(self) -> WorkerState:
        if self._client is None:
            return WorkerState.NOT_FOUND if self._missing else WorkerState.STOPPED
        if not self._introduced:
            return WorkerState.STARTING
        return WorkerState.READY if self._slot is None else WorkerState.BUSY

    @property
    def free(self) -> bool:
        """Whether a job can be sent now."""
        return self.state is WorkerState.READY and not self._unload_wanted

    @property
    def host(self) -> str:
        """The other computer that the worker works on; empty if it works here, or if there is none."""
        return self._client.host if self._client is not None else ""

    def start(self) -> None:
        """Start a worker unless there is one.

        Raises:
            ArtistError: no worker can be started.
        """
        if self._client is not None:
            return
        try:
            self._client = self._make_client()
        except ArtistError as error:
            self._missing = not isinstance(error, FolderError)
            kind = Trouble.BACKEND_MISSING if self._missing else Trouble.FOLDER
            self.error = JobError(kind, error.problem, error.cure)
            raise
        self._missing, self._introduced, self.error = False, False, None
        self.log = self._client.log
        self._loaded = self._unload_wanted = False

    def renew(self) -> None:
        """End the worker as soon as nothing runs in it, because `make_client` starts another one now."""
        self._stale = True
        self._end_stale()

    def _end_stale(self) -> None:
        if self._stale and self._slot is None:
            self.stop()

    def occupy(self, params: protocol.Params) -> int:
        """Send a job or a look; return its id."""
        assert self.free and self._client is not None
        self._slot, self._cancelled = self._client.request(params), None
        self._loaded = True
        return self._slot

    def cancel(self, id: int) -> None:
        """Ask the worker to stop a request; `poll` kills it if it does not stop in time."""
        if self._client is not None and id == self._slot:
            self._client.request(protocol.Cancel(id))
            self._cancelled = self._cancelled or StallTimer(self._clock)

    def refresh(self) -> None:
        """Ask again for devices and their memory; the answer is stored in `machine`."""
        if self._client is not None and self._introduced:
            self._client.request(protocol.Initialize(first_frame=FIRST_FRAME))

    def unload(self) -> None:
        """Remove the models from memory as soon as nothing runs."""
        self._unload_wanted = self._client is not None and self._loaded

    def tend(self, idle: bool) -> None:
        """Refresh `machine` after a request has run; free the models' memory when it is time.

        Args:
            idle: whether no job waits or runs.
        """
        if self._ask_again:
            self._ask_again = False
            self.refresh()
        if not idle or self.state is not WorkerState.READY:
            self._idle_since = self._clock()
        elif self.keep_minutes is not None and self._clock() - self._idle_since >= 60 * self.keep_minutes:
            self.unload()
        if self._unload_wanted and self.state is WorkerState.READY:
            self._unload_wanted = self._loaded = False
            assert self._client is not None
            self._slot = self._client.request(protocol.Unload())

    def poll(self) -> list[Event]:
        """Return what happened, except events about starting and unloading the worker."""
        heard: list[Event] = []
        worker = self._client
        for event in worker.poll() if worker is not None else []:
            if worker is self._client:
                heard += self._hear(event)
        if self._cancelled is not None and self._cancelled.waited() > self.patience:
            heard.append(self._give_up())
        self._end_stale()
        return heard

    def stop(self, grace: float = 2.0, wait: bool = False) -> None:
        """End the worker; see `WorkerClient.stop`."""
        if self._client is not None:
            self._client.stop(grace, wait)
        self._forget()

    def log_tail(self) -> str:
        return log_file.tail(self.log) if self.log is not None else ""

    def _hear(self, event: client.Event) -> list[Event]:
        if isinstance(event, client.Died):
            return [self._bury(event)]
        if isinstance(event, client.Noted):
            return [event]
        if event.id == self._slot:
            self._slot = self._cancelled = None
            self._idle_since = self._clock()
            self._ask_again = True
        if isinstance(event.request, protocol.Initialize):
            return self._meet(event)
        asked = protocol.Animate | protocol.Rematch | protocol.Look | protocol.Track
        return [event] if isinstance(event.request, asked) else []

    def _meet(self, event: client.Answered | client.Refused) -> list[Event]:
        if isinstance(event, client.Answered):
            self.machine = event.value
            self._introduced, self._failed_starts = True, 0
            return []
        if self._introduced:
            return []
        assert self._client is not None
        problem, cure = f"{self._client.python} cannot run the backend: {event.error.problem}", CURE
        if self._client.host:
            problem, cure = event.error.problem, event.error.cure
        error = JobError(Trouble.BACKEND_MISSING, problem, cure, self.log_tail())
        self.stop()
        self._missing, self.error = True, error
        return [Lost(error, hopeless=True)]

    def _give_up(self) -> Lost:
        """Kill a worker that did not stop after a cancel."""
        assert self._client is not None
        error = JobError(
            Trouble.WORKER_SILENT,
            "The backend did not respond to the cancellation and was stopped.",
            "",
            self.log_tail(),
        )
        self._client.kill()
        self._forget()
        return Lost(error, hopeless=False)

    def _bury(self, event: client.Died) -> Lost:
        kind, problem, cure = Trouble.WORKER_DIED, event.problem, LOOK_IN_LOG
        if event.silent:
            kind = Trouble.WORKER_SILENT
        if not self._introduced:
            self._failed_starts += 1
            problem, cure = _told_of_start(event), CURE
        hopeless = self._failed_starts >= MOST_FAILED_STARTS
        if hopeless:
            self._failed_starts = 0
        self._forget()
        self.error = JobError(kind, problem, cure, event.log)
        return Lost(self.error, hopeless)

    def _forget(self) -> None:
        self._client = self._slot = self._cancelled = self.error = self.machine = None
        self._introduced = self._missing = self._loaded = self._unload_wanted = self._ask_again = self._stale = False


def _told_of_start(event: client.Died) -> str:
    """Return the problem of a failed start, with the log's last line, where Python says why a worker did not load."""
    *_, last = event.log.splitlines() or [""]
    return f"The backend failed to start. {event.problem} {last}".strip()
