"""Blender's Python module: its versions, the Python that each needs, and an environment for each."""

from __future__ import annotations

from pathlib import Path

from .environment import Environment
from .pythons import find_python, version_of
from .system_packages import cure, missing_libraries

PYTHON_OF = {"4.2": "3.11", "4.5": "3.11", "5.0": "3.11", "5.1": "3.13", "5.2": "3.13", "5.3": "3.13"}
"""Versions of Blender, oldest first, and the Python that each needs."""
OF_DEMO = {"3.13": "5.2", "3.11": "4.5"}
"""The newest version of Blender with long-term support for each Python."""


def bpy_environment(root: Path, version: str) -> Environment:
    """Return the environment for a version of Blender's Python module."""
    return Environment(root, f".venv-bpy/{version}", "bpy", [PYTHON_OF[version]])


def in_bpy(version: str) -> list[str]:
    """Return the requirement files of a version's environment."""
    return ["tests/requirements-bpy.txt", f"tests/requirements-bpy-{version}.txt"]


def runnable() -> tuple[list[str], dict[str, str]]:
    """Return the versions that this machine can run, oldest first, and for each other version why it cannot."""
    lacks = lacking_libraries()
    reasons = {
        python: lacks or ("" if find_python([python]) else f"no Python {python} was found") for python in OF_DEMO
    }
    left_out = {version: reasons[python] for version, python in PYTHON_OF.items() if reasons[python]}
    return [version for version in PYTHON_OF if version not in left_out], left_out


def blender_for_demo() -> tuple[str, str]:
    """Return (version, "") for the Python that is found, or ("", reason) if no version can run."""
    python = find_python(list(OF_DEMO))
    reason = lacking_libraries() if python else f"Blender's Python module needs Python {' or '.join(sorted(OF_DEMO))}"
    return ("", reason) if reason else (OF_DEMO[version_of(python)], "")


def lacking_libraries() -> str:
    """Return a clause that names the missing shared libraries and how to install them; empty if none is missing."""
    missing = missing_libraries()
    if not missing:
        return ""
    names = ", ".join(name.split(".")[0] for name in missing)
    command = cure(missing)
    return f"Blender's Python module needs {names}; {f'`{command}` installs them' if command else 'install them'}"
