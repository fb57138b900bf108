"""Seconds that somebody really waited, between looks that come now and then."""

from collections.abc import Callable

LONGEST_PAUSE = 1.0
"""What a longer pause between two looks counts: while Blender renders, or the whole computer sleeps, nobody can hear an answer."""


class Patience:
    """Counts from its making, or the last `reset`.

    Args:
        clock: tells seconds.
    """

    def __init__(self, clock: Callable[[], float]):
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        self._seconds, self._last = 0.0, self._clock()

    def waited(self) -> float:
        """Seconds so far; every pause between two calls counts `LONGEST_PAUSE` at most."""
        now = self._clock()
        self._seconds += min(now - self._last, LONGEST_PAUSE)
        self._last = now
        return self._seconds
