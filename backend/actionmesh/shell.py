"""Format commands for the user's shell, ready to paste: quoted, and continued over several lines."""

import os
import re
import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil

WIDTH = 110
INDENT = "    "
PLAIN = re.compile(r"[\w.:\\/-]+")
"""Words that cmd and PowerShell both read literally."""


@dataclass(frozen=True)
class Shell:
    """How a shell reads a command.

    Args:
        quote: quotes one word, so that it stays one.
        goes_on: at the end of a line, joins it with the next.
        call: precedes a program whose path is quoted.
    """

    quote: Callable[[str], str]
    goes_on: str
    call: str = ""

    def command(self, program: str, *groups: Sequence[str]) -> str:
        """Return `program` with its arguments, on as many lines as needed; a group stays on one line."""
        quoted = self.quote(program)
        lines = [quoted if quoted == program else self.call + quoted]
        for group in groups:
            words = " ".join(map(self.quote, group))
            if len(lines[-1]) + len(words) < WIDTH:
                lines[-1] += f" {words}"
            else:
                lines.append(INDENT + words)
        return f" {self.goes_on}\n".join(lines)


def _quote_for_cmd(word: str) -> str:
    return word if PLAIN.fullmatch(word) else f'"{word}"'


def _quote_for_powershell(word: str) -> str:
    """Quote a word; PowerShell reads typographic apostrophes as plain ones, so inside quotes each is doubled."""
    return word if PLAIN.fullmatch(word) else "'" + re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", word) + "'"


POSIX = Shell(shlex.quote, "\\")
CMD = Shell(_quote_for_cmd, "^")
POWERSHELL = Shell(_quote_for_powershell, "`", call="& ")
SHELLS = {"cmd": CMD, "powershell": POWERSHELL, "pwsh": POWERSHELL} | dict.fromkeys(
    ("sh", "bash", "dash", "fish", "zsh"), POSIX
)


def users_shell() -> Shell:
    """Return the shell that this process was started from, or the system's usual one."""
    with suppress(psutil.Error):
        for process in psutil.Process().parents():
            name = process.name().lower().removesuffix(".exe")
            if name in SHELLS:
                return SHELLS[name]
    return POWERSHELL if os.name == "nt" else POSIX
