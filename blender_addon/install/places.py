"""The folders of an installation, all inside the user's folder: environments, downloads, the installer's program.

    envs/current.json       names the environment in use
    envs/1a2b3c4d-py311/    an environment; its passed.json marks it as complete and tested
    installer/              uv, and the Pythons and packages that it downloaded

An environment without passed.json is never used; the next installation removes it.
"""

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from ..jobs.folder import write_whole
from ..process.backend_locator import (
    CURRENT_FILE,
    PASSED_FILE,
    backend_folder,
    compiled_folder,
    environments_folder,
    installed_environment,
    python_in,
    user_folder,
)
from ..reading import number, read_json, text

LOCK_FILE = "install.lock"
LONGEST = 4096
"""Letters of what is known of an environment, one by one."""


@dataclass(frozen=True)
class Passed:
    """The facts about an environment that passed its tests.

    Args:
        lock: file name of the list of packages.
        digest: hash of that list.
        kind: kind of PyTorch.
        base: the Python that it was made with, which it needs to run.
        versions: versions of Python and of the packages, by name.
        size: bytes on disk.
    """

    lock: str
    digest: str
    kind: str
    base: str
    versions: dict[str, str]
    size: int


def downloads_folder() -> Path:
    """Return the folder of uv and of its downloads."""
    return user_folder() / "installer"


def new_environment(name: str) -> Path:
    """Return a folder that does not exist yet, because another environment of that name may be in use."""
    numbered = (f"{name}-{number}" if number else name for number in range(1000))
    return next(folder for folder in (environments_folder() / each for each in numbered) if not folder.exists())


def record_passed(folder: Path, passed: Passed) -> None:
    """Mark an environment as complete and make it the one in use."""
    write_whole(folder / PASSED_FILE, json.dumps(asdict(passed), indent=1).encode())
    write_whole(environments_folder() / CURRENT_FILE, json.dumps({"folder": folder.name}).encode())


def read_passed(folder: Path) -> Passed | None:
    """Return the facts about an environment; None if it did not pass."""
    try:
        told = dict(read_json(folder / PASSED_FILE))
        versions = {text(name, LONGEST): text(version, LONGEST) for name, version in dict(told.pop("versions")).items()}
        size = int(number(told.pop("size"), 0, 2**60))
        return Passed(**{name: text(value, LONGEST) for name, value in told.items()}, versions=versions, size=size)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def current() -> tuple[Path, Passed] | None:
    """Return the environment in use and its facts; None if there is none or its Python is gone."""
    folder = installed_environment()
    passed = read_passed(folder) if folder else None
    return (folder, passed) if folder and passed and python_in(folder).exists() else None


def is_outdated(passed: Passed) -> bool:
    """Return whether the add-on now has another list of packages."""
    try:
        text = (backend_folder() / "locks" / passed.lock).read_bytes()
    except OSError:
        return True
    return hashlib.sha256(text).hexdigest()[:8] != passed.digest


def remove_halves() -> None:
    """Remove the remains of interrupted installations."""
    for folder in _environments():
        if read_passed(folder) is None:
            remove(folder)


def remove_replaced() -> None:
    """Remove the environments that are no longer in use."""
    used = installed_environment()
    for folder in _environments():
        if folder != used:
            remove(folder)


def remove_all() -> None:
    """Remove all environments, downloads and compiled files; jobs and logs stay."""
    (environments_folder() / CURRENT_FILE).unlink(missing_ok=True)
    for folder in (*_environments(), downloads_folder(), compiled_folder()):
        remove(folder)


def remove(folder: Path) -> None:
    """Delete a folder, passed.json first, so that a partly deleted environment is never used."""
    (folder / PASSED_FILE).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def size_on_disk(*folders: Path) -> int:
    """Return the bytes of all files, counting hard links once, because packages share files with uv's cache."""
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
            continue  # it vanished in the meantime
    return total


def _environments() -> list[Path]:
    try:
        return sorted(
            folder for folder in environments_folder().iterdir() if folder.is_dir() and not folder.is_symlink()
        )
    except OSError:
        return []
