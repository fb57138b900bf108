"""Checks before anything is installed: a suitable Python, its module venv, and free disk space.

The shared libraries of Blender's module are checked in `blenders`, because the rest works without them.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Sequence, Tuple

from .environment import Environment
from .errors import BuildError
from .pythons import find_python, succeeds, version_of
from .requirements import Size, in_words, size_of
from .system_packages import cure, missing_libraries

Wanted = Sequence[Tuple[Environment, Sequence[str]]]
"""Environments, and the requirement files that each needs."""


def check(root: Path, wanted: Wanted) -> None:
    """Check for problems that would stop the installation half-way, and print a line about this machine.

    Raises:
        BuildError: no Python fits, it has no venv, or the disk has no room.
    """
    print("== Checking this machine", flush=True)
    missing = [environment.missing(names) for environment, names in wanted]
    for (environment, _), names in zip(wanted, missing):
        if names:
            check_python(environment)
    size = size_of(name for names in missing for name in names)
    free = check_room(root, size)
    print(
        f"{sys.executable}: {size if any(missing) else 'everything is installed'}; {in_words(free)} are free.",
        flush=True,
    )


def check_python(environment: Environment) -> None:
    """Raise BuildError if an environment cannot be made; the suggested command installs Blender's libraries too."""
    python = find_python(environment.versions)
    if not python:
        running = ".".join(map(str, sys.version_info[:2]))
        oldest, newest = environment.versions[0], environment.versions[-1]
        needed = f"ActionMesh needs Python {oldest} to {newest}, but this is {running} and no other was found"
        offered = offered_python(environment.versions)
        command = cure(missing_libraries(), python=offered) if offered else ""
        raise BuildError(f"{needed}. {f'Run: {command}' if command else 'Install one from python.org.'}")
    if not succeeds([*python, "-c", "import venv, ensurepip"]):
        version = version_of(python)
        command = cure(missing_libraries(), venv_of=version)
        raise BuildError(f"Python {version} lacks its module venv. {f'Run: {command}' if command else 'Install it.'}")


def offered_python(versions: Sequence[str]) -> str:
    """Return the newest of these Pythons that the system's packages offer; empty if there is none."""
    if shutil.which("apt-get"):
        return next((each for each in reversed(versions) if succeeds(["apt-cache", "show", f"python{each}-venv"])), "")
    return versions[-1] if shutil.which("dnf") else ""


def check_room(root: Path, size: Size) -> float:
    """Return the free megabytes; raise BuildError if the download and the result do not fit."""
    free, needed = shutil.disk_usage(str(root)).free / 1e6, size.download + size.disk
    if free < needed:
        raise BuildError(
            f"The installation needs {in_words(needed)} in {root}, but only {in_words(free)} are free. Free some space."
        )
    return free
