"""One request in a worker of its own, such as a download of models. Killing it at any time loses no received data."""

from ..process import log_file
from ..process.backend_locator import protocol
from ..process.client import Answered, Died, Event, Noted, Refused, WorkerClient
from .record import JobError, Trouble
from .troubles import told_by_backend

AGAIN = "Download again. It continues where it stopped."


class ModelTask:
    """Send one request, follow its progress, and end the worker when it is answered.

    Args:
        client: a worker that runs for this request only.
        request: such as `Download`, `RemoveModels` or `Rig`.
        again: the cure if the worker dies.
    """

    def __init__(self, client: WorkerClient, request: protocol.Params, again: str = AGAIN):
        self.request = request
        self._again = again
        self.progress: protocol.ProgressNotice | None = None
        self.answer: protocol.Downloaded | protocol.Removed | protocol.Rigged | None = None
        self.error: JobError | None = None
        self.cancelled = False
        self._client = client
        client.request(request)

    @property
    def over(self) -> bool:
        return self.cancelled or self.answer is not None or self.error is not None

    def poll(self) -> None:
        """Receive the events since the last call, without waiting."""
        for event in self._client.poll():
            if not self.over:
                self._hear(event)
        if self.over:
            self._client.stop(wait=False)

    def cancel(self) -> None:
        """Cancel the task; keep the data received so far for the next time."""
        self.cancelled = not self.over
        self._client.stop(wait=False)

    def end(self) -> None:
        """End the worker at once because Blender ends."""
        self._client.kill()

    def _hear(self, event: Event) -> None:
        if isinstance(event, Died):
            self.error = JobError(Trouble.WORKER_DIED, event.problem, self._again, event.log)
        elif isinstance(event, Refused):
            self.error = told_by_backend(event.error, lambda: log_file.tail(self._client.log))
        elif isinstance(event, Answered) and event.request is self.request:
            self.answer = event.value
        elif isinstance(event, Noted) and isinstance(event.notice, protocol.ProgressNotice):
            self.progress = event.notice
