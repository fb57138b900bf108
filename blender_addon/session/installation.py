"""The installer in this Blender: one run at a time, the timer that follows it, and the state that the panels show."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..errors import ArtistError, BackendMissing
from ..install import places
from ..install.installer_process import Session
from ..install.messages import Failed, Finished, Message, Planned, Progress, Request, Stage
from ..install.probe import Probe, Verdict
from ..process.backend_locator import find_python
from . import ticking
from .choices import choices
from .windows import redraw_panels_and_preferences

SECONDS = 0.2
"""Seconds between two ticks of the timer."""


@dataclass(frozen=True)
class Installed:
    """The environment in use, as the panels show it."""

    folder: Path
    passed: places.Passed
    outdated: bool


@dataclass
class InstallationState:
    """The state of the installer.

    Args:
        progress: of the current run, or None.
        planned: the plan that the artist is asked to agree to.
        ended: how the last run ended, until the next one starts or it is dismissed.
        testing: whether a Python is being tested.
        verdict: on the Python set in the preferences.
        sample_waits: whether to animate the sample once there is a backend.
    """

    progress: Progress | None = None
    planned: Planned | None = None
    ended: Finished | Failed | None = None
    testing: bool = False
    verdict: Verdict | None = None
    sample_waits: bool = False


state = InstallationState()
_session: Session | None = None
_probe: Probe | None = None
_then: Callable[[], None] | None = None


def is_running() -> bool:
    return _session is not None


@cache
def installed() -> Installed | None:
    """Return the environment that this add-on made, or None; kept, since panels are drawn many times a second."""
    found = places.current()
    return Installed(*found, places.is_outdated(found[1])) if found else None


def is_missing(python: str) -> bool:
    """Return whether no backend is installed or found and the preferences name none, here or on another computer.

    Args:
        python: the Python set in the preferences.
    """
    if python or installed() or choices().computer is not None:
        return False
    try:
        find_python()
    except BackendMissing:
        return True
    return False


def start(request: Request, then: Callable[[], None] | None = None) -> None:
    """Start a run; call `then` when it has succeeded.

    Raises:
        ArtistError: another run is in progress, or the installer cannot be started.
    """
    global _session, _then
    if _session is not None:
        raise ArtistError("The installer is already running.", "Wait for it or cancel it.")
    _session, _then = Session(request), then
    state.progress, state.planned, state.ended = Progress(Stage.PREFLIGHT, "Starting"), None, None
    ticking.start(tick, SECONDS)
    redraw_panels_and_preferences()


def cancel() -> None:
    """Ask the run to end; a later message says when it has."""
    if _session is not None:
        _session.cancel()


def dismiss() -> None:
    """Forget the plan, the outcome of the last run, and the sample that waited for it."""
    state.planned = state.ended = None
    state.sample_waits = False
    redraw_panels_and_preferences()


def wait() -> Message | None:
    """Block until the run has ended and return its last message; for scripts, as timers need a window."""
    while _session is not None or _probe is not None:
        tick()
        time.sleep(SECONDS / 4)
    return state.planned or state.ended


def test(configured: str) -> None:
    """Start to test a Python, instead of any that is being tested; see `Probe`."""
    global _probe
    if _probe is not None:
        _probe.close()
    _probe, state.testing, state.verdict = Probe(configured), True, None
    ticking.start(tick, SECONDS)
    redraw_panels_and_preferences()


def tick() -> float | None:
    """Receive what happened; return the seconds until the next call, or None if nothing runs."""
    _listen_to_installer()
    _listen_to_python()
    redraw_panels_and_preferences()
    return SECONDS if _session is not None or _probe is not None else None


def _listen_to_installer() -> None:
    global _session
    if _session is None:
        return
    for message in _session.poll():
        if isinstance(message, Progress):
            state.progress = message
        elif isinstance(message, Planned):
            state.planned = message
        else:
            state.ended = message
    if _session.is_over:
        _session.close()
        _session, state.progress, state.verdict = None, None, None
        installed.cache_clear()
        if isinstance(state.ended, Finished) and _then is not None:
            _then()


def _listen_to_python() -> None:
    global _probe
    if _probe is not None and (verdict := _probe.poll()) is not None:
        _probe, state.testing, state.verdict = None, False, verdict


def end() -> None:
    """End the run and the test without touching Blender's data."""
    global _session, _probe
    if _session is not None:
        _session.close()
    if _probe is not None:
        _probe.close()
    _session = _probe = None
    installed.cache_clear()
    vars(state).update(vars(InstallationState()))


def detach() -> None:
    """End the run, the test and the timer."""
    end()
    ticking.stop(tick)
