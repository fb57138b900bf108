"""Remove only downloaded files: those that the record next to them names, unchanged since."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .download_record import RECORD, read_record
from .fetch import STAGING, unwritable
from .presence import presence
from .public import Download


@dataclass(frozen=True)
class Removable:
    """The files of a download that can be removed, and the room that this frees.

    Args:
        kept: files of the download that were put there or changed by someone else.
    """

    download: Download
    folder: Path
    files: tuple[Path, ...]
    kept: tuple[Path, ...]

    @property
    def staging(self) -> Path:
        return self.folder / STAGING

    @property
    def bytes(self) -> int:
        begun = [path for path in self.staging.glob("*") if path.is_file()]
        return sum(path.stat().st_size for path in (*self.files, *begun))


def removable(download: Download, checkpoint: Path) -> Removable:
    """Return what can be removed of a download that the checkpoint in folder `checkpoint` uses."""
    folder = presence(download, checkpoint).folder
    record = read_record(folder)
    recorded = record.files if record is not None else {}
    there = [path for path in _paths(download, folder) if (folder / path).is_file()]
    ours = {path for path in there if path in recorded and recorded[path].bytes == (folder / path).stat().st_size}
    return Removable(
        download,
        folder,
        tuple(folder / path for path in there if path in ours),
        tuple(folder / path for path in there if path not in ours),
    )


def _paths(download: Download, folder: Path) -> Iterator[str]:
    """Yield the paths in `folder` that the download's files may have, with those of their shards."""
    for file in download.files:
        yield file.path
        if file.sharded:
            near = sorted((folder / file.path).parent.glob("*.safetensors"))
            yield from filter(file.is_shard, (path.relative_to(folder).as_posix() for path in near))
            yield file.index


def remove(found: Removable) -> int:
    """Delete what can be removed, and the folders that are then empty; return the number of bytes freed.

    Raises:
        InputError: nothing of the download was downloaded by this program.
        OutputError: a file cannot be deleted.
    """
    freed = found.bytes
    if not found.files and not found.staging.is_dir():
        whose = (
            f"{found.kept[0]} was not downloaded by ActionMesh" if found.kept else f"{found.folder} holds nothing of it"
        )
        raise InputError(
            f"{found.download.name} cannot be removed: {whose}.", "Delete the folder yourself if you are sure."
        )
    try:
        for path in found.files:
            path.unlink()
        shutil.rmtree(found.staging, ignore_errors=True)
        (found.folder / RECORD).unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(found.folder, error) from error
    folders = {path.parent for path in found.files} | {found.folder}
    for folder in sorted(folders, key=lambda folder: len(folder.parts), reverse=True):
        with suppress(OSError):  # it holds something else
            folder.rmdir()
    return freed
