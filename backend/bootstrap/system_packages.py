"""The system packages that Blender's module and venv need, and the command that installs them with apt or dnf."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Sequence

LIBRARIES = {
    "libX11.so.6": ("libx11-6", "libX11"),
    "libXrender.so.1": ("libxrender1", "libXrender"),
    "libXfixes.so.3": ("libxfixes3", "libXfixes"),
    "libXi.so.6": ("libxi6", "libXi"),
    "libxkbcommon.so.0": ("libxkbcommon0", "libxkbcommon"),
    "libSM.so.6": ("libsm6", "libSM"),
    "libICE.so.6": ("libice6", "libICE"),
    "libXext.so.6": ("libxext6", "libXext"),
    "libGL.so.1": ("libgl1", "libglvnd-glx"),
    "libgomp.so.1": ("libgomp1", "libgomp"),
}
"""Libraries that Blender's Python module loads on Linux, and the Debian and Fedora packages that provide them."""


def missing_libraries() -> list[str]:
    """Return the LIBRARIES that this system cannot load; empty outside Linux, where Blender needs none of them."""
    if not sys.platform.startswith("linux"):
        return []
    return [name for name in LIBRARIES if not loads(name)]


def loads(library: str) -> bool:
    try:
        import ctypes  # a Python built without ctypes cannot check

        ctypes.CDLL(library)
    except ImportError:
        return True
    except OSError:
        return False
    return True


def cure(libraries: Sequence[str], venv_of: str = "", python: str = "") -> str:
    """Return the command that installs the missing packages; empty if there is neither apt nor dnf.

    Args:
        libraries: names in LIBRARIES.
        venv_of: the version of a Python that lacks its module venv.
        python: the version of Python to install.
    """
    become = "" if hasattr(os, "geteuid") and os.geteuid() == 0 else "sudo "
    if shutil.which("apt-get"):
        names = [f"python{python}"] * bool(python) + [
            f"python{version}-venv" for version in (python, venv_of) if version
        ]
        return f"{become}apt-get install -y {' '.join(names + [LIBRARIES[name][0] for name in libraries])}"
    if shutil.which("dnf"):
        names = [f"python{version}" for version in (python, venv_of) if version]
        return f"{become}dnf install -y {' '.join(names + [LIBRARIES[name][1] for name in libraries])}"
    return ""
