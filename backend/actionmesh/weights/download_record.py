"""What is kept beside downloaded files: from which commit they are, their sizes and checksums, and the accepted licence."""

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
    """A file that was downloaded, or made from one.

    Args:
        sha256: computed from the file itself.
        verified: whether it agreed with a checksum that the hub told, or with what it was made from.
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
        """Return a record without files, whose licence is accepted now."""
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        return cls(download.hub_id, revision, download.licence.name, download.licence_link, now)

    def save(self, folder: Path) -> None:
        """Write it so that it is there whole or as it was before; raises OSError."""
        part = folder / f".{RECORD}.part"
        part.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        os.replace(part, folder / RECORD)


def read_record(folder: Path) -> DownloadRecord | None:
    """Return the record in `folder`; None if there is none that can be understood."""
    try:
        values: dict[str, Any] = read_json(folder / RECORD)
        files = {str(path): RecordedFile(**facts) for path, facts in values.pop("files").items()}
        return DownloadRecord(files=files, **values)
    except (CheckpointError, OSError, TypeError, KeyError, AttributeError):
        return None
