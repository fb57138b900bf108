"""Files appear whole or not at all: written beside their place, then moved there."""

import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from ..errors import OutputError


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Calls `write` with a temporary path in the same folder, then moves what it wrote (a file or a folder) to `path`.

    The temporary name ends like `path`, so that libraries which look at the ending choose the same format.

    Raises:
        OutputError: the folder is missing or not writable, or the disk is full; `path` is as it was before.
    """
    part = path.with_name(f".part-{uuid.uuid4().hex[:12]}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(part)
        if part.is_dir():
            _replace_folder(part, path)
        else:
            os.replace(part, path)
    except OSError as error:
        raise OutputError(
            f"{path} could not be written ({error.strerror or error}).", "Choose a folder with room that you may write to."
        ) from error
    finally:
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)


def _replace_folder(part: Path, path: Path) -> None:
    old = part.with_name(part.name + "-old")
    if path.exists():
        os.replace(path, old)
    os.replace(part, path)
    if old.is_dir():
        shutil.rmtree(old)
    else:
        old.unlink(missing_ok=True)
