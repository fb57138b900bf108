"""The log of a proof: every line that a program prints, with its time, and the duration of each step."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

BUSY = 1.0
"""Number of other waiting programs above which the measured times are unreliable."""
INSTALLED = re.compile(r"Installing (\S+):.*?Installed in (\d+) s", re.DOTALL)


class ProofError(Exception):
    """The proof failed, for a reason in one sentence."""


@dataclass
class Step:
    """A step, its seconds, a note, and the machine's load."""

    name: str
    seconds: float = 0.0
    note: str = ""
    load: float = 0.0


@dataclass
class Log:
    """The log of a proof, which is also printed to the screen.

    Args:
        path: path of the file, which is overwritten.
    """

    path: Path
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("w", encoding="utf-8")

    def write(self, line: str) -> None:
        print(line, flush=True)
        self._file.write(f"{time.strftime('%H:%M:%S')} {line}\n")
        self._file.flush()

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Time the body of a with statement; a step that fails is not in the table."""
        self.write(f"=== {name}")
        step, start = Step(name), time.monotonic()
        yield step
        step.seconds, step.load = time.monotonic() - start, os.getloadavg()[0]
        self.steps.append(step)
        self.write(f"=== {name}: {in_words(step.seconds)}{f' ({step.note})' if step.note else ''}")

    def run(self, command: Sequence[str], variables: Mapping[str, str] | None = None, code: int = 0) -> str:
        """Run a program to its end; return what it printed.

        Args:
            variables: its complete environment; None takes that of this process.
            code: the expected exit code.

        Raises:
            ProofError: the program ended with another exit code.
        """
        self.write(f"$ {' '.join(command)}")
        printed = []
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        with subprocess.Popen(list(command), env=variables, text=True, errors="replace", **options) as process:
            assert process.stdout is not None
            for line in process.stdout:
                printed.append(line)
                self.write(f"    {line.rstrip()}")
        if process.returncode != code:
            raise ProofError(f"`{' '.join(command)}` ended with {process.returncode}; {code} was expected.")
        return "".join(printed)

    def table(self) -> str:
        """Return the steps as a Markdown table, followed by a line about the machine and its load."""
        rows = [f"| {step.name} | {in_words(step.seconds)} | {step.note} |" for step in self.steps]
        whole = in_words(sum(step.seconds for step in self.steps))
        lines = ["| step | time | |", "|---|---|---|", *rows, f"| **all** | {whole} | |", "", self._on_the_machine()]
        return "\n".join(lines)

    def _on_the_machine(self) -> str:
        cores, load = os.cpu_count() or 1, max((step.load for step in self.steps), default=0.0)
        busy = f"; other programs used them too (load up to {load:.1f})" if load > cores + BUSY else ""
        return f"{cores} cores, {sys.platform}, {time.strftime('%Y-%m-%d')}{busy}."

    def close(self) -> None:
        self._file.close()


def in_words(seconds: float) -> str:
    """Return a duration such as "48 s" or "3 min 05 s"."""
    whole = round(seconds)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60:02d} s"


def installations(printed: str) -> str:
    """Return the environments that `build.py` reports as installed, and the time that each took."""
    return ", ".join(f"of it {name} {in_words(int(seconds))}" for name, seconds in INSTALLED.findall(printed))
