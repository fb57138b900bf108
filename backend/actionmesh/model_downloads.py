"""Download and remove sets of models. Existing files are kept; licences are checked first, then the disk.

Shared by the command line and the worker. It needs a process of its own, because `allow_the_hub` unsets HF_HUB_OFFLINE.
"""

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import DownloadError, InputError
from .progress import Progress
from .protocol import Stage
from .weights.checkpoints import open_checkpoint
from .weights.download_record import read_record
from .weights.fetch import arrived, fetch
from .weights.presence import DiskUsage, Presence, free_bytes, is_whole, nearest_folder, presence
from .weights.public import SETS, VIDEO_SETS, Download, ModelSet
from .weights.removal import Removable, removable, remove
from .weights.resolved import HubFile, Resolved, resolve
from .weights.room import check_room

OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
HALF = "-half"
"""Suffix of the folder of half-precision copies, after the name of the original folder."""


def allow_the_hub() -> None:
    """Let this process access the hub despite HF_HUB_OFFLINE; call it before huggingface_hub is imported.

    Only the requested files are fetched, without telemetry.
    """
    for name in OFFLINE:
        os.environ.pop(name, None)
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


@dataclass(frozen=True)
class Planned:
    """A download, its files in the folder, and the hub's description of it; None if nothing is needed from the hub."""

    presence: Presence
    resolved: Resolved | None

    @property
    def download(self) -> Download:
        return self.presence.download

    @property
    def files(self) -> tuple[HubFile, ...]:
        """The files to download."""
        whole = {file.path for file in self.download.files} - {file.path for file in self.presence.absent}
        described = self.resolved.files if self.resolved else ()
        return tuple(file for file in described if file.path not in whole and not self._arrived_before(file.path))

    def _arrived_before(self, path: str) -> bool:
        """Return whether a shard, or an index, is complete from an interrupted download."""
        own = {file.path for file in self.download.files}
        return path not in own and is_whole(self.presence.folder / path)

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    @property
    def arrived(self) -> int:
        """Bytes that an interrupted download has left."""
        assert self.resolved is not None
        return sum(arrived(self.presence.folder, file, self.resolved.revision) for file in self.files)


def choose_sets(keys: Iterable[str]) -> tuple[ModelSet, ...]:
    """Return the sets of these keys; raise InputError naming one that does not exist."""
    for key in keys:
        if key not in SETS:
            raise InputError(f"There is no set of models {key!r}.", f"Use {', '.join(SETS)}.")
    return tuple(SETS[key] for key in dict.fromkeys(keys))


def plan(sets: Sequence[ModelSet], folder: Path, endpoint: str | None = None) -> list[Planned]:
    """Return what the sets need; the hub is asked only about downloads that are incomplete in `folder`.

    Raises:
        InputError: a file is in the folder's place.
        DownloadError: the hub refuses or does not answer.
    """
    nearest_folder(folder)
    return [_planned(presence(download, folder), endpoint) for each in sets for download in each.downloads]


def _planned(found: Presence, endpoint: str | None) -> Planned:
    if found.complete:
        return Planned(found, None)
    record = read_record(found.folder)
    begun = record.revision if record is not None and not record.half_precision else None
    return Planned(found, resolve(found.download, begun, endpoint))


def carry_out(
    planned: Sequence[Planned],
    folder: Path,
    accepted: Iterable[str],
    progress: Progress,
    disk_usage: DiskUsage = shutil.disk_usage,
    endpoint: str | None = None,
) -> int:
    """Download what is planned into `folder`; return the number of bytes downloaded.

    Args:
        accepted: models whose licence the user accepts, by name or OWNER/NAME, in upper or lower case.

    Raises:
        InputError: a licence was not accepted.
        OutputError: the disk has no room, or the folder is not writable.
        DownloadError: the hub refuses or stops answering, or what it sent is damaged.
    """
    todo = [each for each in planned if each.resolved is not None]
    check_accepted([each.download for each in todo], accepted)
    total, there = sum(each.bytes for each in todo), sum(each.arrived for each in todo)
    check_room(folder, total - there, free_bytes(nearest_folder(folder), disk_usage))
    if todo:
        advance = progress.measure(Stage.DOWNLOADING, total, there)
        for each in todo:
            assert each.resolved is not None
            fetch(each.resolved, each.files, each.presence.folder, advance, progress, endpoint)
            _check_whole(each.download, folder)
    return total - there


def is_accepted(download: Download, accepted: Iterable[str]) -> bool:
    """Return whether the user accepts the model's licence by naming it."""
    return not {download.name.lower(), download.hub_id.lower()}.isdisjoint(name.lower() for name in accepted)


def check_accepted(downloads: Sequence[Download], accepted: Iterable[str]) -> None:
    """Raise InputError, with the licence and its link, for a model whose licence was not accepted."""
    names = tuple(accepted)
    for download in downloads:
        if not is_accepted(download, names):
            use = "commercial use too" if download.licence.commercial else "no commercial use"
            problem = f"The licence of {download.name} was not accepted ({download.licence.name}: {use})."
            raise InputError(
                problem, f"Read {download.licence_link}, then accept it: --accept-licence {download.name}."
            )


def _check_whole(download: Download, folder: Path) -> None:
    lacking = presence(download, folder).lacking
    if lacking:
        raise DownloadError(
            f"{lacking[0].path} of {download.hub_id} cannot be read, although it matches the hub's.", "Report it."
        )


def make_half(
    sets: Sequence[ModelSet], folder: Path, progress: Progress, disk_usage: DiskUsage = shutil.disk_usage
) -> Path:
    """Make half-precision copies of the checkpoint in `folder`, in a folder next to it; return that folder.

    Raises:
        CheckpointError: the checkpoint is not complete, or a file of it is damaged.
        OutputError: the disk has no room, or a copy does not read back as written.
    """
    from .weights.half_precision import copy_halved, half_types

    sets = [each for each in sets if each.key not in VIDEO_SETS]  # these are read in half precision as they are
    if not sets:
        return folder
    checkpoint = open_checkpoint(folder)
    target = folder.with_name(folder.name + HALF)
    types = half_types(checkpoint)
    done = sum(file.stat().st_size for file in target.rglob("*.safetensors")) if target.is_dir() else 0
    check_room(
        target, sum(file.stat().st_size for file in types) // 2 - done, free_bytes(nearest_folder(target), disk_usage)
    )
    for download in (download for each in sets for download in each.downloads):
        copy_halved(download, presence(download, folder).folder, target / download.name, types, progress)
    return target


def removables(sets: Sequence[ModelSet], folder: Path) -> list[Removable]:
    """Return what can be removed of the sets; raise InputError if a set cannot be removed, such as the bundled one."""
    for each in sets:
        if not each.downloads:
            why = "comes with ActionMesh" if each.bundled else "has no models yet"
            raise InputError(f"{each.title} {why} and cannot be removed.", "Choose another set.")
    return [removable(download, folder) for each in sets for download in each.downloads]


def remove_all(found: Sequence[Removable]) -> int:
    """Delete what can be removed; return the number of bytes freed. Raises InputError if there is nothing."""
    ours = [each for each in found if each.files or each.staging.is_dir()]
    return sum(map(remove, ours or found))
