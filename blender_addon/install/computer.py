"""The facts about this computer that an installation needs: platform, limits, and how Blender is packaged."""

import os
import platform
import re
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import InstallError

MACHINES = {"amd64": "x64", "x86_64": "x64", "arm64": "arm64", "aarch64": "arm64"}
SYSTEMS = {"win32": "windows", "darwin": "macos", "linux": "linux"}
OTHER_WAYS = "Or choose, under Backend Python, an environment that you made yourself."
NO_BUILD = {
    "windows-arm64": InstallError(
        "PyTorch, which the backend needs, has no build for Windows on ARM.",
        "Install Blender's x64 build, which runs on this computer too, and press the button there. "
        "Or choose, under Backend Python, an environment that you made with an x64 Python.",
    ),
    "macos-x64": InstallError(
        "PyTorch, which the backend needs, no longer has a build for Intel Macs.",
        f"Use a Mac with Apple silicon and Blender's build for it, or a computer with Linux or Windows. {OTHER_WAYS}",
    ),
    "linux-arm64": InstallError("The add-on has no tested list of packages for Linux on ARM.", OTHER_WAYS),
}
BOXES = {
    "snap": "This Blender is a snap, whose Python changes with every update, so another Python is used or downloaded.",
    "flatpak": "This Blender is a Flatpak, which cannot see the system's programs, so a Python is downloaded.",
    "store": "This Blender is from the Microsoft Store. Other Blenders may not see what it installs.",
}
"""What each way of packaging Blender means for the installation."""


@dataclass(frozen=True)
class Computer:
    """Facts of a computer.

    Args:
        platform: as Blender's manifest names it, such as "linux-x64".
        box: "snap", "flatpak", "store", or empty.
        glibc: version of the C library on Linux; None elsewhere or if it is another library.
        macos: version of the system on a Mac.
        long_paths: whether paths may be longer than 260 characters.
    """

    platform: str
    box: str = ""
    glibc: tuple[int, int] | None = None
    macos: tuple[int, int] | None = None
    long_paths: bool = True

    @property
    def is_windows(self) -> bool:
        return self.platform.startswith("windows")


def this_computer() -> Computer:
    """Return the facts of this computer."""
    system = SYSTEMS.get(sys.platform, sys.platform)
    machine = _machine()
    return Computer(
        f"{system}-{MACHINES.get(machine.lower(), machine)}",
        box_of(os.environ, sys.executable),
        _version(_libc()) if system == "linux" else None,
        _version(platform.mac_ver()[0]) if system == "macos" else None,
        _has_long_paths() if system == "windows" else True,
    )


def _machine() -> str:
    """Return the processor type of this Python; on Windows, newer Pythons report the computer's type instead."""
    return sysconfig.get_platform().rpartition("-")[2] if sys.platform == "win32" else platform.machine()


def box_of(variables: Mapping[str, str], executable: str) -> str:
    """Return how Blender is packaged, from its environment variables and the location of its Python."""
    if "windowsapps" in executable.lower():
        return "store"
    if variables.get("FLATPAK_ID") or variables.get("container") == "flatpak":
        return "flatpak"
    return "snap" if variables.get("SNAP") and executable.startswith(variables["SNAP"]) else ""


def _libc() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        return ""


def _version(text: str) -> tuple[int, int] | None:
    found = re.search(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def _has_long_paths() -> bool:
    if sys.platform != "win32":
        return True
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Control\FileSystem") as key:
            return bool(winreg.QueryValueEx(key, "LongPathsEnabled")[0])
    except OSError:
        return False
