"""Load parts ahead, in a thread, while earlier stages still compute.

One thread of concurrent.futures does the work; our own is who waits, who stops it, and what happens if memory runs out.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from threading import Event, Lock

from torch import nn

from ..failures import is_out_of_memory
from .streaming import Stopped

POLL = 0.1
"""Seconds between two checks while waiting for a part."""

Load = Callable[[Event], nn.Module]
"""Reads a network; raises Stopped soon after the event is set."""


class Ahead:
    """Loads parts one after the other in its own thread, in the order in which they are requested."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._thread = ThreadPoolExecutor(1, "loading ahead")
        self._stop = Event()
        self._begun: dict[str, Future[nn.Module]] = {}

    def start(self, loads: Mapping[str, Load]) -> None:
        """Queue parts by name; parts that are already queued keep their place."""
        with self._lock:
            for name, load in loads.items():
                if name not in self._begun:
                    self._begun[name] = self._thread.submit(partial(load, self._stop))

    def take(self, name: str, check: Callable[[], None]) -> nn.Module | None:
        """Return a requested part as soon as it is loaded; None if the caller has to load it.

        None is returned for a part that was not requested or whose loading has not begun, and for one that found too
        little memory: there may be enough once the previous stage has freed its own.

        Args:
            check: called now and then while waiting; if it raises, the waiting ends. `stop` ends the loading.
        Raises:
            CheckpointError: the part could not be loaded.
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
            del future  # its error refers to this frame: together they would keep the loaded part alive

    def stop(self) -> None:
        """Stop loading, drop the parts that were not taken, and return once the thread is idle."""
        with self._lock:
            futures = list(self._begun.values())
            self._begun.clear()
            self._stop.set()
            for future in futures:
                future.cancel()
            wait(futures)
            self._stop = Event()


def wait_for(future: Future[nn.Module], check: Callable[[], None]) -> None:
    """Wait until `future` is done, or until `check` raises."""
    while not future.done():
        check()
        wait([future], POLL)
