"""The slot for the one job that may run in the worker."""

from threading import Event, Lock

from . import protocol
from .protocol import Kind, ProtocolError


class JobSlot:
    """The slot for the one job that may run."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._job: protocol.JobId | None = None
        self._cancelled = Event()
        self._idle = Event()
        self._idle.set()

    def take(self, job: protocol.JobId) -> Event:
        """Take the slot for a job; return the event that asks the job to stop.

        Raises:
            ProtocolError: another job runs.
        """
        with self._lock:
            if self._job is not None:
                raise ProtocolError(Kind.BUSY, f"Job {self._job} is running.", "Wait for it, or cancel it.")
            self._job, self._cancelled = job, Event()
            self._idle.clear()
            return self._cancelled

    def release(self) -> None:
        with self._lock:
            self._job = None
            self._idle.set()

    def cancel(self, job: protocol.JobId) -> bool:
        """Ask the job to stop; return false if it is not running."""
        with self._lock:
            if self._job != job:
                return False
            self._cancelled.set()
            return True

    def stop(self, timeout: float) -> None:
        """Ask the running job to stop and wait for it, at most `timeout` seconds."""
        with self._lock:
            self._cancelled.set()
        self._idle.wait(timeout)
