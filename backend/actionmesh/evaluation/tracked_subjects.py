"""Characters with known motion: tracked files that hold the whole mesh, seen by their first camera."""

import csv
import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np

from ..errors import InputError
from ..memory.model import Model
from ..track_file import Track, read_mesh, read_pictures, read_tracks
from .subjects import Subject

VIEW = 0
ALL, UNLISTED = "all", "not in the manifest"


@dataclass(frozen=True, eq=False)
class Character:
    """A tracked file as the truth of a `Subject`, like a toy.

    Args:
        name: name of the source file, with its folder, and of the animation.
        body_plan, split: as in the manifest.
        vertices: (T, W, 3) float32 in model space; faces: (F, 3) int32.
        back: (3,) float64, from the origin to the camera.
        digest: digest of the tracked file, 12 hexadecimal digits.
    """

    name: str
    body_plan: str
    split: str
    vertices: np.ndarray
    faces: np.ndarray
    back: np.ndarray
    digest: str

    @property
    def template(self) -> str:
        return self.body_plan

    @property
    def seed(self) -> int:
        """Seed of the noise and of sampled points."""
        return int(self.digest[:6], 16)


TrackedSubject = Subject[Character]
"""A character with a checkpoint and a preset."""


@dataclass(frozen=True, eq=False)
class Cast:
    """The characters of a folder, read on demand.

    Args:
        tracks: files that have the whole mesh and pictures.
        passed_over: number of other files.
        rows: rows of a manifest, by `file`.
    """

    tracks: tuple[Track, ...]
    passed_over: int
    rows: dict[str, dict[str, str]]

    @classmethod
    def of(cls, folder: Path, manifest: Path | None = None) -> "Cast":
        """Open a folder; raise InputError if no file can be used, or if the manifest has no column `file`."""
        found = read_tracks(folder)
        usable = tuple(track for track in found if track.has_mesh and track.views)
        if not usable:
            problem = f"{folder} has no tracked sequences with their whole mesh and pictures."
            raise InputError(problem, "Make them with `blender_addon/dataset.py` and `--faces`.")
        return cls(usable, len(found) - len(usable), read_manifest(manifest) if manifest else {})

    def __len__(self) -> int:
        return len(self.tracks)

    def character(self, index: int) -> Character:
        track = self.tracks[index]
        row = self._row(track)
        vertices, faces = read_mesh(track)
        back = track.cameras["axes"][VIEW, 2].double().numpy()
        plan, split = row.get("body_plan") or ALL, row.get("split") or ALL
        return Character(self.names[index], plan, split, vertices, faces, back, _digest(track.path))

    def subject(self, index: int, model: Model, preset_name: str) -> TrackedSubject:
        """Read one character and its pictures."""
        character = self.character(index)
        return TrackedSubject(character, read_pictures(self.tracks[index], VIEW), character.back, model, preset_name)

    @cached_property
    def names(self) -> list[str]:
        """File and animation of each character; if that is not unique, the path of the tracked file."""
        told = [": ".join(filter(None, (_source(track), track.provenance.get("clip")))) for track in self.tracks]
        return [
            name if told.count(name) == 1 else str(track.path) for name, track in zip(told, self.tracks, strict=True)
        ]

    def _row(self, track: Track) -> dict[str, str]:
        """Return the manifest's row whose `file` ends in the source's path.

        Of several, it is the one that shares most folders with the tracked file.
        """
        if not self.rows:
            return {}
        source = PurePosixPath(_source(track)).parts
        fitting = [name for name in self.rows if PurePosixPath(name).parts[-len(source) :] == source]
        folders = set(track.path.parts)
        fitting.sort(key=lambda name: -len(folders & set(PurePosixPath(name).parts)))
        return self.rows[fitting[0]] if fitting else {"body_plan": UNLISTED, "split": UNLISTED}


def read_manifest(path: Path) -> dict[str, dict[str, str]]:
    """Read the rows of a CSV by their `file`; raise InputError if it is not such a table."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a table.", "Choose a CSV file.") from error
    if not rows or "file" not in rows[0]:
        raise InputError(f"{path} has no rows with a column `file`.", "Give it the columns file, body_plan and split.")
    return {row["file"]: row for row in rows}


def _source(track: Track) -> str:
    return str(
        track.provenance.get("file") or track.provenance.get("source") or track.path.name.removesuffix(".safetensors")
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]
