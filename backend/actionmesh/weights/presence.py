"""Check which public weights are present and complete, according to their headers, and how much room is left."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from ..errors import CheckpointError, InputError
from ..intake import regular_file
from ..models.config import read_json
from .checkpoints import find_folders
from .public import Download, PublicFile

DiskUsage = Callable[[Path], Any]
"""`shutil.disk_usage`, or a function whose result has `total` and `free` too."""


@dataclass(frozen=True)
class Presence:
    """The folder of a download, existing or to be created, and the files in it that are missing or incomplete."""

    download: Download
    folder: Path
    absent: tuple[PublicFile, ...]

    @property
    def lacking(self) -> tuple[PublicFile, ...]:
        """The absent files that the program reads."""
        return tuple(file for file in self.absent if file.needed)

    @property
    def complete(self) -> bool:
        return not self.lacking

    @property
    def begun(self) -> bool:
        return len(self.absent) < len(self.download.files)


def presence(download: Download, checkpoint: Path) -> Presence:
    """Look for a download where the checkpoint in folder `checkpoint` finds it, else in the folder of its name."""
    folder = find_folders(checkpoint).get(download.name, checkpoint / download.name)
    return Presence(download, folder, tuple(file for file in download.files if not _is_there(file, folder)))


def _is_there(file: PublicFile, folder: Path) -> bool:
    """Return whether a file, or its index and all shards, are whole."""
    return is_whole(folder / file.path) or (file.sharded and all(map(is_whole, shards(folder / file.index))))


def shards(index: Path) -> Iterator[Path]:
    """Yield the index of a sharded file, and the files that it names; only those in its own folder are named."""
    yield index
    try:
        named = read_json(index).get("weight_map", {})
        names = sorted(set(named.values()) if isinstance(named, dict) else {""})
    except (CheckpointError, OSError, TypeError):
        return
    yield from (index.parent / Path(str(name)).name for name in names or [""])


def is_whole(path: Path) -> bool:
    """Return whether a file is readable and, if it holds tensors, as long as its header says, without reading them."""
    try:
        if path.suffix == ".json":
            read_json(path)
        elif path.suffix == ".safetensors":
            with safe_open(str(regular_file(path)), framework="np"):
                pass
        else:
            return regular_file(path).stat().st_size > 0
    except (OSError, ValueError, SafetensorError, CheckpointError):
        return False
    return True


def nearest_folder(path: Path) -> Path:
    """Return `path`, or the nearest existing folder above it; raise InputError if a file is in the way."""
    nearest = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
    if not nearest.is_dir():
        raise InputError(f"{nearest} is a file, and weights need a folder.", "Choose another folder.")
    return nearest


def free_bytes(folder: Path, disk_usage: DiskUsage = shutil.disk_usage) -> int | None:
    """Return the room on the disk of `folder`; None if it is unknown, as on some network disks."""
    try:
        disk = disk_usage(folder)
    except OSError:
        return None
    return disk.free if disk.total else None
