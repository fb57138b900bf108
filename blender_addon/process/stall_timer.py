"""Count the seconds waited for something that is checked now and then."""

from collections.abc import Callable

LONGEST_PAUSE = 1.0
"""A longer pause between two checks counts only this many seconds.

While Blender renders, or the computer sleeps, nothing can receive an answer.
"""


class StallTimer:
    """Count the seconds since its creation or the last `reset`.

    Args:
        clock: returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float]):
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        self._seconds, self._last = 0.0, self._clock()

    def waited(self) -> float:
        """Return the seconds so far; a pause between two calls counts at most `LONGEST_PAUSE`."""
        now = self._clock()
        self._seconds += min(now - self._last, LONGEST_PAUSE)
        self._last = now
        return self._seconds
