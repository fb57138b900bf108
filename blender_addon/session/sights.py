"""What was asked about a clip beside the jobs: one look or one track at a time, and who receives the answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..jobs import events
from ..jobs.record import JobError
from ..process.backend_locator import protocol


@dataclass(frozen=True)
class Asked:
    """A question that is not answered yet.

    Args:
        take: receives the answer.
        failed: receives the reason if there is none.
        tracks: whether it follows the subject through the clip, which takes long.
    """

    take: Callable[[Any], None]
    failed: Callable[[JobError], None]
    tracks: bool


class Sights:
    """A slot for one question."""

    def __init__(self) -> None:
        self._ticket = 0
        self._asked: Asked | None = None
        self.notice: protocol.ProgressNotice | None = None
        """How far the backend is with it."""

    @property
    def looking(self) -> bool:
        return self._asked is not None and not self._asked.tracks

    @property
    def tracking(self) -> bool:
        return self._asked is not None and self._asked.tracks

    def expect(self, ticket: int, asked: Asked) -> None:
        """Expect an answer instead of any before."""
        self._ticket, self._asked, self.notice = ticket, asked, None

    def expects(self, ticket: int) -> bool:
        return self._asked is not None and ticket == self._ticket

    def forget(self) -> None:
        """Expect no answer."""
        self._asked = self.notice = None

    def hear(self, event: events.OfLook) -> None:
        """Hand an answer on; one that nobody expects any more is dropped."""
        asked = self._asked
        if asked is None or event.ticket != self._ticket:
            return
        if isinstance(event, events.LookProgressed):
            self.notice = event.notice
            return
        self.forget()
        if isinstance(event, events.Looked):
            asked.take(event.value)
        else:
            asked.failed(event.error)
