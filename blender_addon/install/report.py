"""The text of Copy Report: the system, the versions, and the last lines of the installer's log."""

import platform
import re
import sys
from pathlib import Path

from ..process.backend_locator import backend_folder, user_folder
from . import installer_process, places
from .child import without_secrets
from .computer import this_computer

LINES = 50
BYTES = 1 << 16


def write_report(blender: str, log: Path | None = None) -> str:
    """Return the report as text.

    Args:
        blender: version of Blender.
        log: the log to quote; None takes the newest installation log.
    """
    computer, used = this_computer(), places.current()
    facts = {
        "ActionMesh": _own_version(),
        "Blender": blender,
        "System": f"{platform.platform()} ({computer.platform}{', ' + computer.box if computer.box else ''})",
        "Python of Blender": sys.version.split()[0],
        "Folder": str(user_folder()),
        "Backend": _of_backend(used[1]) if used else "not installed",
    }
    log = log or installer_process.newest_log()
    head = "\n".join(f"{name}: {value}" for name, value in facts.items())
    lines = _last_lines(log) if log else ["(nothing was installed yet)"]
    return without_secrets(
        "\n".join([head, "", f"Last {LINES} lines of {log.name if log else 'the log'}:", *lines, ""])
    )


def _own_version() -> str:
    text = (backend_folder() / "actionmesh" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE)
    return found[1] if found else "unknown"


def _of_backend(passed: places.Passed) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in passed.versions.items() if version)
    return f"{passed.lock}, made with {passed.base}; {versions}"


def _last_lines(log: Path) -> list[str]:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - BYTES))
            return file.read().decode("utf-8", "replace").splitlines()[-LINES:]
    except OSError as error:
        return [f"({error})"]
