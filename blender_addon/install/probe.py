"""Check whether a Python can run the backend by starting it, without blocking Blender."""

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from ..errors import BackendMissing
from ..process.backend_locator import find_python
from ..process.stall_timer import StallTimer
from .trial import PROBE, read_probe

SUPPORTED = ("3.11", "3.12", "3.13")
LONGEST = 120.0
"""Seconds to wait for a Python's answer: PyTorch may load slowly from a slow disk."""


@dataclass(frozen=True)
class Verdict:
    """The result of a probe, for an artist.

    Args:
        python: the program; empty if there is none.
        works: whether the backend can use it.
        text: one sentence.
    """

    python: str
    works: bool
    text: str


class Probe:
    """Probes one Python.

    Args:
        configured: as for `backend_locator.find_python`.
    """

    def __init__(self, configured: str = ""):
        self.configured = configured
        self._verdict: Verdict | None = None
        self._patience = StallTimer(time.monotonic)
        try:
            self._python = find_python(configured)
            self._output = TemporaryFile()
            command = [str(self._python), "-I", "-B", "-c", PROBE]
            flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.STDOUT, creationflags=flags
            )
        except BackendMissing as error:
            self._verdict = Verdict("", False, error.problem)
        except OSError as error:
            self._verdict = Verdict("", False, f"{self._python} cannot be started ({error.strerror}).")

    def poll(self) -> Verdict | None:
        """Return the verdict, or None until there is one; never wait."""
        if self._verdict is None and self._process.poll() is not None:
            self._output.seek(0)
            self._verdict = judge(self._python, self._output.read().decode("utf-8", "replace"))
            self._output.close()
        elif self._verdict is None and self._patience.waited() > LONGEST:
            self.close()
            self._verdict = Verdict(
                str(self._python), False, f"{self._python} did not answer for {LONGEST:.0f} seconds."
            )
        return self._verdict

    def close(self) -> None:
        """Stop the probe."""
        if self._verdict is None:
            self._process.kill()
            self._process.wait()


def judge(python: Path, output: str) -> Verdict:
    """Return the verdict for the output of PROBE."""
    told = read_probe(output)
    if told is None:
        return Verdict(str(python), False, f"{python} is not a working Python.")
    version = ".".join(told["python"].split(".")[:2])
    if version not in SUPPORTED:
        wanted = f"{SUPPORTED[0]} to {SUPPORTED[-1]}"
        return Verdict(str(python), False, f"{python} is Python {version}; the backend needs {wanted}.")
    if told["missing"]:
        names = ", ".join(entry.partition(":")[0] for entry in told["missing"])
        return Verdict(str(python), False, f"{python} lacks packages of the backend: {names}.")
    return Verdict(str(python), True, f"Python {told['python']} with PyTorch {told['versions']['torch']}")
