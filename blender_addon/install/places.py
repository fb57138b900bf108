"""The folders of an installation, all in the user's own: environments, downloads, the installer's program.

    envs/current.json       names the environment in use
    envs/1a2b3c4d-py311/    an environment; passed.json in it says that it is whole and was tested
    installer/              uv, and the Pythons and packages that it has downloaded

An environment without passed.json is never used, and is removed by the next installation.
"""

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from ..backend_files import (
    CURRENT_FILE,
    PASSED_FILE,
    backend_folder,
    compiled_folder,
    environments_folder,
    installed_environment,
    python_in,
    user_folder,
)
from ..jobs.folder import write_whole
from ..reading import number, read_json, text

LOCK_FILE = "install.lock"
LONGEST = 4096
"""Letters of what is known of an environment, one by one."""


@dataclass(frozen=True)
class Passed:
    """What is known of an environment that passed its tests.

    Args:
        lock: name of the list of packages, and `digest` of its text.
        kind: of PyTorch.
        base: the Python that it was made with; without it, it cannot run.
        versions: of Python and of the packages, by name.
        size: bytes on disk.
    """

    lock: str
    digest: str
    kind: str
    base: str
    versions: dict[str, str]
    size: int


def downloads_folder() -> Path:
    """Where uv lies, and what it has downloaded."""
    return user_folder() / "installer"


def new_environment(name: str) -> Path:
    """Return a folder that is not there yet: another environment of that name may be in use."""
    numbered = (f"{name}-{number}" if number else name for number in range(1000))
    return next(folder for folder in (environments_folder() / each for each in numbered) if not folder.exists())


def record_passed(folder: Path, passed: Passed) -> None:
    """Mark an environment as whole, and make it the one in use."""
    write_whole(folder / PASSED_FILE, json.dumps(asdict(passed), indent=1).encode())
    write_whole(environments_folder() / CURRENT_FILE, json.dumps({"folder": folder.name}).encode())


def read_passed(folder: Path) -> Passed | None:
    """Return what is known of an environment; None if it did not pass."""
    try:
        told = dict(read_json(folder / PASSED_FILE))
        versions = {text(name, LONGEST): text(version, LONGEST) for name, version in dict(told.pop("versions")).items()}
        size = int(number(told.pop("size"), 0, 2**60))
        return Passed(**{name: text(value, LONGEST) for name, value in told.items()}, versions=versions, size=size)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def current() -> tuple[Path, Passed] | None:
    """Return the environment in use and what is known of it; None if there is none that works still."""
    folder = installed_environment()
    passed = read_passed(folder) if folder else None
    return (folder, passed) if folder and passed and python_in(folder).exists() else None


def is_outdated(passed: Passed) -> bool:
    """Whether the add-on has another list of packages by now."""
    try:
        text = (backend_folder() / "locks" / passed.lock).read_bytes()
    except OSError:
        return True
    return hashlib.sha256(text).hexdigest()[:8] != passed.digest


def remove_halves() -> None:
    """Remove what interrupted installations left."""
    for folder in _environments():
        if read_passed(folder) is None:
            remove(folder)


def remove_replaced() -> None:
    """Remove the environments that are not in use any more."""
    used = installed_environment()
    for folder in _environments():
        if folder != used:
            remove(folder)


def remove_all() -> None:
    """Remove every environment, all downloads and what was compiled; jobs and logs stay."""
    (environments_folder() / CURRENT_FILE).unlink(missing_ok=True)
    for folder in (*_environments(), downloads_folder(), compiled_folder()):
        remove(folder)


def remove(folder: Path) -> None:
    """Delete a folder of ours, marked as a half first, so that it is never used while or after it is being deleted."""
    (folder / PASSED_FILE).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def size_on_disk(*folders: Path) -> int:
    """Return the bytes of all files, each once whatever its names: packages share their files with uv's cache."""
    seen, total, waiting = set(), 0, [str(folder) for folder in folders]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                        continue
                    facts = os.stat(entry.path, follow_symlinks=False)
                    if (facts.st_dev, facts.st_ino) not in seen:
                        seen.add((facts.st_dev, facts.st_ino))
                        total += facts.st_size
        except OSError:
            continue  # it vanished meanwhile
    return total


def _environments() -> list[Path]:
    try:
        return sorted(
            folder for folder in environments_folder().iterdir() if folder.is_dir() and not folder.is_symlink()
        )
    except OSError:
        return []
