"""Loading ahead: parts are read in a thread while the stages before still compute."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from threading import Event, Lock

from torch import nn

from ..failures import is_out_of_memory
from .streaming import Stopped

POLL = 0.1
"""Seconds between two checks while a part is waited for."""

Load = Callable[[Event], nn.Module]
"""Reads a network, and raises Stopped soon after the event was set."""


class Ahead:
    """Loads parts one after the other in a thread of its own, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._thread = ThreadPoolExecutor(1, "loading ahead")
        self._stop = Event()
        self._begun: dict[str, Future[nn.Module]] = {}

    def start(self, loads: Mapping[str, Load]) -> None:
        """Queues parts by their names; what is queued already stays where it is."""
        with self._lock:
            for name, load in loads.items():
                if name not in self._begun:
                    self._begun[name] = self._thread.submit(partial(load, self._stop))

    def take(self, name: str, check: Callable[[], None]) -> nn.Module | None:
        """A part that was asked for, as soon as it is there; None where the caller has to load it himself.

        That is so for a part that was not asked for or not begun, and for one that found too little memory: where the stage
        before has freed its own there may be enough.

        Args:
            check: called now and then while the part is waited for; what it raises ends the waiting, and `stop` the loading.
        Raises:
            CheckpointError: what the loading found.
        """
        with self._lock:
            future = self._begun.get(name)
        if future is not None and not future.cancel():
            wait_for(future, check)
        with self._lock:
            self._begun.pop(name, None)
        if future is None or future.cancelled():
            return None
        try:
            return future.result()
        except Stopped:
            return None
        except Exception as error:
            if is_out_of_memory(error):
                return None
            raise
        finally:
            del future  # its error refers to this frame: together they would keep what was loaded

    def stop(self) -> None:
        """Ends what runs, forgets what was loaded and not taken, and returns when the thread rests."""
        with self._lock:
            futures = list(self._begun.values())
            self._begun.clear()
            self._stop.set()
            for future in futures:
                future.cancel()
            wait(futures)
            self._stop = Event()


def wait_for(future: Future[nn.Module], check: Callable[[], None]) -> None:
    """Returns when it is done, unless `check` raises before."""
    while not future.done():
        check()
        wait([future], POLL)
