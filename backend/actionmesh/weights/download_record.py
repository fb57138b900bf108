"""The record kept next to downloaded files: their commit, sizes and checksums, and the accepted licence."""

import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import CheckpointError
from ..models.config import read_json
from .public import Download

RECORD = "actionmesh_download.json"


@dataclass(frozen=True)
class RecordedFile:
    """A file that was downloaded, or made from a downloaded one.

    Args:
        sha256: computed from the file itself.
        verified: whether it agreed with the hub's checksum, or with the file it was made from.
    """

    bytes: int
    sha256: str
    verified: bool


@dataclass(frozen=True)
class DownloadRecord:
    """What was downloaded into a folder; an interrupted download has fewer files.

    Args:
        accepted: when the licence was accepted, in UTC.
        half_precision: whether the files are half-precision copies.
    """

    hub_id: str
    revision: str
    licence: str
    licence_link: str
    accepted: str
    files: dict[str, RecordedFile] = field(default_factory=dict)
    half_precision: bool = False

    @classmethod
    def begun(cls, download: Download, revision: str) -> "DownloadRecord":
        """Return a record without files, with the licence accepted now."""
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        return cls(download.hub_id, revision, download.licence.name, download.licence_link, now)

    def save(self, folder: Path) -> None:
        """Replace the file as a whole, so that it is never half-written; raise OSError if that fails."""
        part = folder / f".{RECORD}.part"
        part.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        os.replace(part, folder / RECORD)


def read_record(folder: Path) -> DownloadRecord | None:
    """Return the record in `folder`; None if there is none, or it is damaged."""
    try:
        values: dict[str, Any] = read_json(folder / RECORD)
        files = {str(path): RecordedFile(**facts) for path, facts in values.pop("files").items()}
        return DownloadRecord(files=files, **values)
    except (CheckpointError, OSError, TypeError, KeyError, AttributeError):
        return None
