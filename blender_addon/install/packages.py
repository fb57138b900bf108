"""Install a lock's packages with uv, with progress from its output and the growth of its cache."""

import re
import time
from collections.abc import Callable
from pathlib import Path

from ..process.backend_locator import python_in
from . import diagnosis
from .child import Children
from .locks import Lock
from .messages import Progress, Stage
from .places import size_on_disk
from .programs import Uv, cache_folder

MEGABYTE = 1_000_000
UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
ANNOUNCED = re.compile(r"Downloading (\S+) \(([\d.]+)(B|KiB|MiB|GiB)\)")
EARLIEST = 3.0
"""Seconds after which the remaining time can be estimated."""


def install_packages(uv: Uv, lock: Lock, folder: Path, children: Children, tell: Callable[[Progress], None]) -> None:
    """Install a lock's packages into an environment, reusing wheels that were downloaded before.

    Raises:
        InstallError: uv failed.
    """
    watch = Watch(lock, tell)
    words = [
        "pip",
        "install",
        "--python",
        str(python_in(folder)),
        "--require-hashes",
        "--no-deps",
        "--only-binary",
        ":all:",
    ]
    command = uv.command(*words, *uv.sources.arguments(lock.index), "-r", str(lock.path))
    ended = children.run(command, uv.variables, watch.hear, watch.look)
    if ended.code != 0:
        raise diagnosis.explain(ended.tail, "download the packages" if watch.downloads else "install the packages")


class Watch:
    """Turns uv's output and the growth of its cache into progress.

    Args:
        lock: gives the ratio of size on disk to download size.
        measure: returns the size of the cache in bytes.
        clock: returns seconds.
    """

    def __init__(
        self,
        lock: Lock,
        tell: Callable[[Progress], None],
        measure: Callable[[], int] = lambda: size_on_disk(cache_folder()),
        clock: Callable[[], float] = time.monotonic,
    ):
        self._tell, self._measure, self._clock = tell, measure, clock
        self._expected = lock.installed
        self._ratio = lock.installed / lock.download if lock.download else 1.0
        self._announced = 0.0
        self._before, self._since = measure(), clock()
        self.downloads = True
        tell(Progress(Stage.DOWNLOAD, "Working out what is needed"))

    def hear(self, line: str) -> None:
        """Process a line of uv's output."""
        if found := ANNOUNCED.search(line):
            self._announced += float(found[2]) * UNITS[found[3]]
        elif line.startswith(("Prepared ", "Installing ", "Uninstalled ")):
            self.downloads = False
            self._tell(Progress(Stage.INSTALL, "Putting the packages into place"))

    def look(self) -> None:
        """Report the download. The total is what uv announced, or what the cache lacked at first if that is more."""
        if not self.downloads:
            return
        total = max(self._announced, (self._expected - self._before) / self._ratio, 1.0)
        there = min(max(self._measure() - self._before, 0) / self._ratio, 0.99 * total)
        fraction, took = there / total, self._clock() - self._since
        left = took / fraction - took if fraction > 0.01 and took >= EARLIEST else None
        self._tell(Progress(Stage.DOWNLOAD, f"{there / MEGABYTE:.0f} of {total / MEGABYTE:.0f} MB", fraction, left))
