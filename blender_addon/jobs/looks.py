"""Looks at a clip, at one frame or along all of them: one at a time, sent when no job runs.

A newer one takes the place of an earlier one.
"""

from ..process import client
from ..process.backend_locator import protocol
from .events import Event, Looked, LookFailed, LookProgressed
from .record import JobError
from .troubles import told_by_backend
from .worker_lifecycle import Backend


class Looks:
    """A slot for one look."""

    def __init__(self, backend: Backend):
        self._backend = backend
        self._params: protocol.Look | protocol.Track | None = None
        self._request: int | None = None
        self._ticket = 0

    @property
    def wanted(self) -> bool:
        """Whether a look waits to be sent."""
        return self._params is not None and self._request is None

    @property
    def pending(self) -> bool:
        """Whether a look waits or runs."""
        return self._params is not None

    def ask(self, params: protocol.Look | protocol.Track) -> int:
        """Request a look; return the ticket of its event. Drop an earlier look."""
        self.drop()
        self._params, self._ticket = params, self._ticket + 1
        return self._ticket

    def drop(self) -> None:
        """Drop a look that was not answered yet."""
        if self._request is not None:
            self._backend.cancel(self._request)
        self._params = self._request = None

    def send(self) -> None:
        assert self._params is not None
        self._request = self._backend.occupy(self._params)

    def answered(self, event: client.Answered | client.Refused) -> list[Event]:
        """Return the event for an answer to the running look; none for any other answer."""
        if event.id != self._request:
            return []
        if isinstance(event, client.Refused):
            return self.fail(told_by_backend(event.error, self._backend.log_tail))
        self._params = self._request = None
        return [Looked(self._ticket, event.value)]

    def noted(self, notice: protocol.ProgressNotice) -> list[Event]:
        """Return the event for the progress of the running look; none for any other notice."""
        return [LookProgressed(self._ticket, notice)] if notice.job == self._request else []

    def lost(self, error: JobError) -> list[Event]:
        """Return the event for a worker that ended during the look; none if the look was not sent yet."""
        return self.fail(error) if self._request is not None else []

    def fail(self, error: JobError) -> list[Event]:
        """Return the event for a look that cannot be done; none if there is no look."""
        if self._params is None:
            return []
        self._params = self._request = None
        return [LookFailed(self._ticket, error)]
