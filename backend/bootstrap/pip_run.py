"""Run pip with its output in a log file and its progress in one line on the screen."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Iterator, Sequence

from .errors import BuildError
from .requirements import Size, in_words

LOOK_EVERY, TELL_EVERY = 1.0, 15.0
"""Seconds between two measurements, and between two lines if the output is not a terminal."""
GUESS_AFTER = 3.0
"""Seconds after which the remaining time can be estimated."""
LOG = "install.log"
UNPACKING = b"Installing collected packages"


class Pip:
    """The pip of one environment.

    Args:
        python: the environment's interpreter.
        folder: folder of the environment; it holds the log and, temporarily, the downloads.
    """

    def __init__(self, python: Path, folder: Path):
        self.python, self.folder, self.log = python, folder, folder / LOG

    def is_configured(self) -> bool:
        """Return whether pip is configured with its own index or folder of wheels."""
        command = [str(self.python), "-I", "-m", "pip", "config", "list"]
        told = subprocess.check_output(command, stderr=subprocess.DEVNULL, text=True)
        return "index" in told or "find-links" in told

    def install(self, arguments: Sequence[str], size: Size) -> None:
        """Install packages of about this size; raise BuildError with pip's last error if that fails."""
        if not self.try_to_install(arguments, size):
            cure = f"Check the network and run this again. pip's log is {self.log}."
            raise BuildError(f"pip could not install the packages ({self._last_error()}). {cure}")

    def try_to_install(self, arguments: Sequence[str], size: Size) -> bool:
        pip = [str(self.python), "-I", "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"]
        with self.log.open("ab") as log, tempfile.TemporaryDirectory(prefix=".pip-", dir=str(self.folder)) as scratch:
            log.write(f"\n$ pip install {' '.join(arguments)}\n".encode())
            log.flush()
            places = {name: scratch for name in ("TMPDIR", "TEMP", "TMP")}
            offset = log.tell()
            process = subprocess.Popen(pip + list(arguments), stdout=log, stderr=log, env={**os.environ, **places})
            try:
                show(self._progress(process, Path(scratch), offset, size))
                return process.wait() == 0
            finally:
                process.kill()
                process.wait()

    def _progress(self, process: subprocess.Popen[bytes], scratch: Path, offset: int, size: Size) -> Iterator[str]:
        """Yield pip's progress while it runs: it downloads into `scratch`, then unpacks into the environment."""
        phase, base, measure = Phase("Downloading", size.download), 0.0, scratch
        while process.poll() is None:
            time.sleep(LOOK_EVERY)
            if measure is scratch and UNPACKING in self.log.read_bytes()[offset:]:
                measure, base = self.folder, megabytes_in(self.folder)
                phase = Phase("Unpacking", size.disk)
            yield phase.told(megabytes_in(measure) - base)

    def _last_error(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        errors = [line[6:].strip().rstrip(".") for line in lines if line.startswith("ERROR:")]
        return errors[-1] if errors else "it gave no reason"


class Phase:
    """One of pip's two long phases, downloading or unpacking, and its progress.

    Args:
        expected: megabytes; an upper bound, because some files may be there already.
    """

    def __init__(self, name: str, expected: float, clock: Callable[[], float] = time.monotonic):
        self.name, self.expected, self.clock, self.start = name, expected, clock, clock()

    def told(self, done: float) -> str:
        """Return such as "Downloading: 120 MB of about 480 MB, 0:40 left", with the time once it can be estimated."""
        seconds, text = self.clock() - self.start, f"{self.name}: {in_words(done)}"
        if not 0 < done < self.expected:
            return text
        text += f" of about {in_words(self.expected)}"
        left = round(seconds * (self.expected - done) / done)
        return text + (f", {left // 60}:{left % 60:02d} left" if seconds > GUESS_AFTER else "")


def show(told: Iterator[str]) -> None:
    """Print progress: in a terminal in one line that is rewritten, elsewhere in a new line every few seconds."""
    if sys.stdout.isatty():
        for text in told:
            print(f"\r    {text:<72}", end="", flush=True)
        print(f"\r{'':<76}\r", end="", flush=True)
        return
    last = time.monotonic()
    for text in told:
        if time.monotonic() - last >= TELL_EVERY:
            last = time.monotonic()
            print(f"    {text}", flush=True)


def megabytes_in(folder: Path) -> float:
    """Return the size of a folder's contents; files that vanish meanwhile do not count."""
    total, waiting = 0, [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return total / 1e6
