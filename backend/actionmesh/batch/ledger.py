"""The ledger of a batch: which jobs are done, so that running the batch again does only what is left.

A job is known by its key: a digest of the contents of its clip, masks and meshes, of masks that were corrected by hand,
of its choices, of its weights, and of the program's version. Where it runs (device, memory plan) is left out. It counts
as done as long as all its outputs are as they were written. The ledger is a text file with one JSON object per line,
only ever appended to, so that a crash costs at most its last line.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import OutputError
from ..intake import read_json
from ..job_inputs import checkpoint_folder, files_of_artist
from ..protocol import Animate
from ..segmentation.choice import mask_folder
from ..weights.checkpoints import files_of

NAME = "batch_ledger.jsonl"
BY_CONTENT = 256 << 20
"""Largest file of weights that is known by its contents; a larger one is known by its size and time."""
ELSEWHERE = ("clip", "mesh", "mask", "masks_from", "known", "out", "checkpoint", "device", "memory")
"""Fields of a job that are in its key as contents, or not at all."""


class Ledger:
    """The finished jobs in the folder of the results.

    Args:
        folder: where the file is; it need not exist yet.
    """

    def __init__(self, folder: Path):
        self.path = folder / NAME
        self._contents = Contents()
        self._entries: dict[str, dict[str, Any]] = {}
        with suppress(FileNotFoundError):
            for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
                with suppress(
                    ValueError, KeyError, TypeError, AttributeError
                ):  # a line that was cut off, or is not ours
                    entry = read_json(line)
                    self._entries[entry["key"]] = {str(name): str(digest) for name, digest in entry["out"].items()}

    def key(self, job: Animate) -> str:
        """Return what identifies a job and its inputs; it changes with any of their contents."""
        chosen = {name: value for name, value in asdict(job).items() if name not in ELSEWHERE}
        known = [each.frame for each in job.known]
        inputs = [(path.name, self._contents.of(path)) for path in files_of_artist(job) if path.is_file()]
        weights = self._contents.of_weights(checkpoint_folder(job.checkpoint))
        folder = mask_folder(job.out)
        corrected = [(name, self._contents.of(folder.path / name)) for name in folder.corrected()] if folder else []
        facts = [__version__, chosen, known, inputs, weights, corrected, [self._named(out) for out in job.out]]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def is_done(self, key: str) -> bool:
        """Return whether a job was done, and all its outputs are still as they were written."""
        written = self._entries.get(key)
        return bool(written) and all(
            digest and _digest_of_result(self.path.parent / name) == digest for name, digest in (written or {}).items()
        )

    def note(self, key: str, out: Iterable[str]) -> None:
        """Record a finished job.

        Raises:
            OutputError: the ledger cannot be written, for example because the disk is full.
        """
        written = {self._named(name): _digest_of_result(Path(name)) for name in out}
        line = json.dumps({"key": key, "out": written}).encode() + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as file:
                _begin_line(file)
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            problem = f"{self.path} cannot be written ({error.strerror}), so the job will be done again."
            raise OutputError(problem, "Choose a folder with free space and write permission.") from error
        self._entries[key] = written

    def _named(self, out: str) -> str:
        """Return an output's path from the ledger's folder, so that the folder may be moved with its results."""
        with suppress(ValueError):  # another drive
            return Path(os.path.relpath(out, self.path.parent)).as_posix()
        return out


def _begin_line(file: Any) -> None:
    """End a line that a crash cut off."""
    end = file.seek(0, os.SEEK_END)
    if end:
        file.seek(end - 1)
        if file.read(1) != b"\n":
            file.write(b"\n")


class Contents:
    """Digests of files; each is read once."""

    def __init__(self) -> None:
        self._seen: dict[Path, str] = {}

    def of(self, path: Path) -> str:
        if path not in self._seen:
            self._seen[path] = _digest(path)
        return self._seen[path]

    def of_weights(self, folder: Path) -> list[list[str]]:
        """Return what identifies the weights in a folder."""
        files = sorted(path for path in files_of(folder) if path.is_file())
        return [[f"{path.parent.name}/{path.name}", self._of_weight(path)] for path in files]

    def _of_weight(self, path: Path) -> str:
        facts = path.stat()
        return self.of(path) if facts.st_size <= BY_CONTENT else f"{facts.st_size} {facts.st_mtime_ns}"


def _digest_of_result(path: Path) -> str:
    """Return the digest of a file, or of the names and contents of a folder's files; empty if there is nothing."""
    if not path.is_dir():
        return _digest(path)
    files = sorted(each for each in path.iterdir() if each.is_file())
    return hashlib.sha256(json.dumps([(each.name, _digest(each)) for each in files]).encode()).hexdigest()


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
