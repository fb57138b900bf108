"""Find what would make an installation fail, within a second and before anything is downloaded."""

import os
import shutil
import uuid
from contextlib import suppress
from pathlib import Path

from ..errors import InstallError
from ..process.backend_locator import environments_folder, user_folder
from . import programs
from .computer import Computer
from .locks import Lock
from .messages import SYSTEM_PREFERENCES, Request
from .places import size_on_disk
from .sources import Sources

GIGABYTE = 1_000_000_000
SPARE = GIGABYTE // 2
DEEPEST, LONGEST = 195, 259
"""Length of the longest path inside an environment, and of a path on Windows unless long ones are allowed."""
OLDEST_GLIBC, OLDEST_MACOS = (2, 28), (14, 0)
ONLINE_CURE = "Switch on Allow Online Access under Preferences > System > Network, or choose a folder of wheels."


def check(request: Request, computer: Computer, lock: Lock, sources: Sources) -> None:
    """Raise InstallError for the first problem."""
    check_system(computer)
    check_network(request, sources)
    check_folder(user_folder())
    check_length(computer, environments_folder() / lock.folder_name)
    check_room(user_folder(), lock)


def check_system(computer: Computer) -> None:
    """Raise InstallError if the system is older than the wheels require."""
    if computer.glibc and computer.glibc < OLDEST_GLIBC:
        raise InstallError("This Linux is too old: its C library is older than 2.28.", "Update the system.")
    if computer.macos and computer.macos < OLDEST_MACOS:
        raise InstallError(
            f"macOS {computer.macos[0]} is too old: the backend's video library needs 14.", "Update macOS."
        )


def check_network(request: Request, sources: Sources) -> None:
    """Raise InstallError if the chosen folder has no wheels or, without one, if Blender may not go online."""
    if sources.wheels:
        if not any(Path(sources.wheels).glob("*.whl")):
            raise InstallError(
                f"There are no wheels in {sources.wheels}.",
                "Choose the folder that has them, or clear Folder of Wheels.",
            )
        return
    if not request.online:
        raise InstallError("Blender may not use the network.", ONLINE_CURE, SYSTEM_PREFERENCES)


def check_folder(folder: Path) -> None:
    """Create the folder if needed; raise InstallError if it cannot be written."""
    probe = folder / f".part-{uuid.uuid4().hex[:12]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"x")
    except OSError as error:
        raise InstallError(
            f"{folder} cannot be written ({error.strerror}).",
            "Fix its permissions, or name another folder in the variable ACTIONMESH_HOME.",
        ) from error
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def check_length(computer: Computer, folder: Path) -> None:
    """Raise InstallError if paths would exceed the 259 characters that Windows allows by default."""
    if computer.is_windows and not computer.long_paths and len(str(folder)) + DEEPEST > LONGEST:
        raise InstallError(
            f"The path {folder} is too long for Windows.",
            "Name a shorter one, such as C:\\am, in the variable ACTIONMESH_HOME.",
        )


def check_room(folder: Path, lock: Lock) -> None:
    """Raise InstallError if the disk has no room.

    Packages share files with the cache, so they take space only once, and cached files are already there.
    """
    there = size_on_disk(programs.cache_folder())
    needed = max(lock.installed - there, 0) + SPARE
    free = shutil.disk_usage(folder).free
    if free < needed:
        drive = os.path.splitdrive(folder)[0] or str(folder)
        raise InstallError(
            f"The backend needs {needed / GIGABYTE:.1f} GB on {drive}, but only {free / GIGABYTE:.1f} GB are free.",
            "Free some space, or name a folder on another disk in the variable ACTIONMESH_HOME.",
        )
