"""The test of the connection to another computer, in this Blender: one at a time, followed by a timer."""

import time

from ..errors import ArtistError
from ..install.probe import Verdict
from ..process.another_computer import AnotherComputer, start_remote_worker
from ..process.backend_locator import protocol
from ..process.client import Answered, Died, Refused, WorkerClient
from . import ticking
from .windows import redraw_panels_and_preferences

SECONDS = 0.2
"""Seconds between two ticks of the timer."""

verdict: Verdict | None = None
"""On the computer that was tested last."""
_client: WorkerClient | None = None


def is_running() -> bool:
    return _client is not None


def begin(computer: AnotherComputer) -> None:
    """Start to test a computer, instead of any that is being tested."""
    global _client, verdict
    end()
    try:
        _client = start_remote_worker(computer)
    except ArtistError as error:
        verdict = Verdict("", False, str(error))
        return
    ticking.start(tick, SECONDS)
    redraw_panels_and_preferences()


def wait() -> None:
    """Block until the test is over; for scripts, as timers need a window."""
    while _client is not None:
        tick()
        time.sleep(SECONDS / 4)


def tick() -> float | None:
    """Receive what happened; return the seconds until the next call, or None when nothing runs."""
    global _client, verdict
    if _client is None:
        return None
    for event in _client.poll():
        if isinstance(event, Answered | Refused | Died):
            verdict = _judged(_client.host, event)
            _client.stop(wait=False)
            _client = None
            break
    redraw_panels_and_preferences()
    return SECONDS if _client is not None else None


def _judged(host: str, event: Answered | Refused | Died) -> Verdict:
    if isinstance(event, Answered) and isinstance(event.value, protocol.Initialized):
        devices = ", ".join(device.description for device in event.value.devices)
        return Verdict(host, True, f"{host} works: {devices}, PyTorch {event.value.versions.get('torch', 'unknown')}.")
    if isinstance(event, Refused):
        return Verdict(host, False, str(event.error))
    return Verdict(host, False, event.problem if isinstance(event, Died) else f"{host} gave no answer.")


def end() -> None:
    """End the test without touching Blender's data, and forget the verdict."""
    global _client, verdict
    if _client is not None:
        _client.stop(wait=False)
    _client = verdict = None


def detach() -> None:
    """End the test and the timer."""
    end()
    ticking.stop(tick)
