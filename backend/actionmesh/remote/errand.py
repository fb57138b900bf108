"""One request to a worker on another computer, for programs that ask nothing else, such as the command line."""

import queue
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from .. import protocol
from .place import Place
from .relay import Relay

LOOK_SECONDS = 0.1
END_SECONDS = 4.0
"""Seconds for the other computer to hear that it is over, also over a line that is being restored."""
ERRAND, CANCEL = 1, 2


def ask(
    place: Place,
    request: protocol.Params,
    report: Callable[[protocol.ProgressNotice], None] = lambda notice: None,
    cancelled: Callable[[], bool] = lambda: False,
    warn: Callable[[str], object] = lambda message: None,
    log: Callable[[str], object] = lambda text: None,
) -> Any:
    """Return the answer to a request, as the dataclass of its kind.

    Args:
        warn: receives the sentences that the worker logs for the user.
        log: receives its whole log.
    Raises:
        ProtocolError: what the worker answers instead, or why it cannot be reached.
    """
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    relay = Relay(place, lines.put, log=log)
    try:
        relay.handle(protocol.encode(protocol.Request(ERRAND, request)))
        asked_to_stop = False
        while True:
            if cancelled() and not asked_to_stop:
                asked_to_stop = True
                relay.handle(protocol.encode(protocol.Request(CANCEL, protocol.Cancel(ERRAND))))
            with suppress(queue.Empty):
                message = protocol.decode(lines.get(timeout=LOOK_SECONDS))
                if isinstance(message, protocol.Failure) and message.id != CANCEL:
                    raise message.error
                if isinstance(message, protocol.Answer) and message.id == ERRAND:
                    return protocol.read(protocol.ANSWERS[type(request)], message.value)
                if isinstance(message, protocol.Notice):
                    _pass_on(message.params, report, warn)
    finally:
        relay.end(END_SECONDS)


def _pass_on(
    notice: protocol.Params, report: Callable[[protocol.ProgressNotice], None], warn: Callable[[str], object]
) -> None:
    if isinstance(notice, protocol.ProgressNotice):
        report(notice)
    elif isinstance(notice, protocol.LogNotice):
        warn(notice.message)
