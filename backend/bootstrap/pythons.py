"""Find this machine's Pythons by starting them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Sequence

SUPPORTED = ("3.11", "3.12", "3.13")


def find_python(versions: Sequence[str]) -> list[str]:
    """Return a command that starts a Python of one of these versions, preferring this one; empty if there is none."""
    candidates = [[sys.executable]]
    for version in versions:
        candidates += [["python" + version], ["py", "-" + version]]
        candidates += [[str(path)] for path in of_pyenv(version)]
    return next((command for command in candidates if version_of(command) in versions), [])


def of_pyenv(version: str) -> list[Path]:
    """Return pyenv's interpreters of a version, whether or not pyenv has activated it."""
    folder = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    return sorted(folder.glob(version + ".*/bin/python"), reverse=True)


def version_of(command: list[str]) -> str:
    """Return the version of a Python, such as "3.11"; empty if the command does not run."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        return subprocess.check_output(command + ["-c", code], stderr=subprocess.DEVNULL, text=True).strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def succeeds(command: list[str]) -> bool:
    try:
        return subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False
