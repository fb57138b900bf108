"""The folders of jobs: private, named by their time, in one root that all versions of Blender share."""

import os
import re
import secrets
import shutil
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..errors import FolderError
from ..file_names import excess
from ..process.backend_locator import user_folder

NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")
"""A job folder's name, such as 20260131T120000Z-0a1b2c. Nothing else in the root is ever touched."""
LONGEST_INSIDE = 64
"""Characters of the longest path within the root: a job's folder, `frames` in it, and a picture."""
ATTEMPTS = 10
PAUSE = 0.005
"""Seconds between two attempts."""


def jobs_root(configured: str = "") -> Path:
    """Return the folder that holds all job folders: the artist's choice, or one in the user's folder."""
    return Path(os.path.expanduser(configured)).absolute() if configured else user_folder() / "jobs"


def new_job_folder(root: Path) -> Path:
    """Make an empty folder that only its user may open.

    Raises:
        FolderError: the disk is full, or `root` may not be written.
    """
    if more := excess(str(root), LONGEST_INSIDE, sys.platform):
        problem = f"The path of the job folder {root} is {more} characters longer than Windows allows."
        raise FolderError(problem, "Choose a shorter one in the add-on's preferences.")
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _ in range(ATTEMPTS):
            path = root / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(3)}"
            try:
                path.mkdir(mode=0o700)
            except FileExistsError:
                continue
            return path
        raise FileExistsError(0, "no free name")
    except OSError as error:
        raise cannot_write(root, error) from error


def job_folders(root: Path) -> list[Path]:
    """Return all job folders, newest first; an empty list if the root does not exist."""
    try:
        with os.scandir(root) as entries:
            names = [
                entry.name for entry in entries if NAME.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
            ]
    except OSError:
        return []
    return [root / name for name in sorted(names, reverse=True)]


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder; files that vanish meanwhile do not count."""
    return sum(_sizes(folder))


def _sizes(folder: Path) -> Iterator[int]:
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                yield os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue


def remove_folder(folder: Path) -> None:
    """Delete a job folder; files that cannot be deleted stay for the next time."""
    assert NAME.fullmatch(folder.name), folder
    shutil.rmtree(folder, ignore_errors=True)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file atomically: on failure, the old file stays, or no file if there was none.

    Raises:
        FolderError: the disk is full, or the folder may not be written.
    """
    part = path.with_name(f".part-{uuid.uuid4().hex[:12]}")
    try:
        part.write_bytes(data)
        _replace(part, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _replace(part: Path, path: Path) -> None:
    """Replace a file, retrying on Windows, where that fails while another program reads it, such as another Blender."""
    for attempt in range(ATTEMPTS):
        try:
            os.replace(part, path)
            return
        except PermissionError:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(PAUSE)


def cannot_write(path: Path, error: OSError) -> FolderError:
    problem = f"{path} cannot be written ({error.strerror or error})."
    return FolderError(problem, "Free some space, or choose another job folder in the add-on's preferences.")
