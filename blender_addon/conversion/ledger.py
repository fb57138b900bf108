"""The records in a data set's folder: its options, the files that failed, and the sequence of each animation.

dataset.json    the options; each folder has one set of options
failures.csv    file, problem: files of which nothing could be used; tried again unless they crashed Blender
clips.csv       file, clip, sequence, problem: every animation of the finished files, if all are requested
"""

import csv
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..errors import ArtistError, FolderError
from ..file_names import safe_name
from ..reading import read_bytes, read_json

SETTINGS, FAILURES, CLIPS, READING = "dataset.json", "failures.csv", "clips.csv", ".reading"
CRASHED = "Blender ended while reading it."
FAILED = ("file", "problem")
MOST_BYTES = 1 << 30
COLUMNS = ("file", "clip", "sequence", "problem")
LONGEST = 60
"""Characters of an animation's name that are kept in a file name."""


def begin(out: Path, settings: dict[str, Any], defaults: dict[str, Any]) -> None:
    """Make the folder and save its options, or compare them with the saved ones; a missing option has its default.

    Raises:
        ArtistError: they differ.
        FolderError: the folder cannot be written.
    """
    path = out / SETTINGS
    if not path.exists():
        write(out, lambda: out.mkdir(parents=True, exist_ok=True))
        write(path, lambda: path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8"))
        return
    there = defaults | _options_there(path)
    differing = sorted(name for name in settings if there.get(name) != settings[name])
    if differing:
        told = ", ".join(f"{name} {there.get(name)}" for name in differing)
        raise ArtistError(f"{out} was made with other options ({told}).", "Use those options or another folder.")


def _options_there(path: Path) -> dict[str, Any]:
    try:
        return dict(read_json(path))
    except (OSError, ValueError, TypeError) as error:
        raise ArtistError(f"{path} is damaged: {error}.", "Use another folder.") from error


def crashes(out: Path) -> dict[str, str]:
    """Return the files that crashed Blender in earlier runs, including the last one; they are not tried again."""
    reading = out / READING
    names = [row["file"] for row in _rows(out / FAILURES, FAILED) if row["problem"] == CRASHED]
    if reading.exists():
        names.append(reading.read_text(encoding="utf-8"))
    failures = dict.fromkeys(names, CRASHED)
    if failures:
        write_failures(out, failures)
    reading.unlink(missing_ok=True)
    return failures


def write_failures(out: Path, failures: dict[str, str]) -> None:
    """Write the files that failed; raise FolderError if that is impossible."""
    _write_rows(out / FAILURES, FAILED, failures.items())


def read_clips(out: Path) -> dict[str, list[dict[str, str]]]:
    """Return the rows of every finished file whose sequences all still exist."""
    rows: dict[str, list[dict[str, str]]] = {}
    for row in _rows(out / CLIPS, COLUMNS):
        rows.setdefault(row["file"], []).append(row)
    return {
        name: found
        for name, found in rows.items()
        if all(not r["sequence"] or (out / r["sequence"]).exists() for r in found)
    }


def write_clips(out: Path, rows: dict[str, list[dict[str, str]]]) -> None:
    """Write the rows of the finished files; raise FolderError if that is impossible."""
    _write_rows(out / CLIPS, COLUMNS, ([row[name] for name in COLUMNS] for found in rows.values() for row in found))


def file_names(clips: Iterable[str]) -> dict[str, str]:
    """Return a file name for each animation that every system accepts and that is unique regardless of case."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for clip in clips:
        safe = safe_name("".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in clip)[:LONGEST])
        name, number = safe, 2
        while name.lower() in taken:
            name, number = f"{safe}-{number}", number + 1
        taken.add(name.lower())
        names[clip] = name
    return names


def write(path: Path, step: Callable[[], object]) -> None:
    """Run a step that writes; raise FolderError with the path if it fails."""
    try:
        step()
    except OSError as error:
        raise FolderError(
            f"{path} cannot be written: {error.strerror}.", "Free some space, or choose another folder."
        ) from error


def _rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    if not path.exists():
        return []
    try:
        rows = list(csv.DictReader(io.StringIO(read_bytes(path, MOST_BYTES).decode("utf-8"), newline="")))
        return [{name: str(row[name]) for name in columns} for row in rows]
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise ArtistError(f"{path} is damaged: {error}.", "Delete it or use another folder.") from error


def _write_rows(path: Path, columns: tuple[str, ...], rows: Iterable[Iterable[str]]) -> None:
    part = path.with_name(f".part-{path.name}")

    def replace() -> None:
        with part.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(columns)
            table.writerows(rows)
        part.replace(path)

    write(path, replace)
