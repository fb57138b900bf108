"""Convert a folder of animated files to a folder of tracked sequences, file by file; `ledger` keeps the records."""

import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ..errors import ArtistError, FolderError
from ..motion.tracks import FORMAT, Tracks, save_tracks
from ..reading import sha256
from ..scene.importing import IMPORTERS
from ..scene.survey import survey_file
from ..scene.track_options import Clips, TrackOptions
from ..scene.tracked_file import chosen, track_passage
from .ledger import READING, begin, crashes, file_names, read_clips, write, write_clips, write_failures

Result = TypeVar("Result")


def convert(folder: Path, out: Path, options: TrackOptions) -> tuple[int, int, int]:
    """Make the missing sequences of a data set.

    Returns:
        The number of sequences written, of files that failed, and of files that were done before.

    Raises:
        ArtistError: there is nothing to convert, or OUT was made with other options.
        FolderError: OUT cannot be written.
    """
    sources, every = find_sources(folder), options.clips == Clips.EVERY
    begin(out, settings_of(options), settings_of(TrackOptions()))
    failures, clips = crashes(out), read_clips(out) if every else {}
    written = there = 0
    for number, path in enumerate(sources, start=1):
        name = path.relative_to(folder).as_posix()
        if name in clips or (not every and target_of(name, out).exists()):
            there += 1
            continue
        made, rows, problem = (0, [], failures[name]) if name in failures else attempt(path, name, out, options)
        say(f"{number}/{len(sources)} {name}: {problem or told(made, rows)}")
        written += made
        if problem:
            failures[name] = problem
            write_failures(out, failures)
        elif every:
            clips[name] = rows
            write_clips(out, clips)
    write_failures(out, failures)
    return written, len(failures), there


def told(made: int, rows: list[dict[str, str]]) -> str:
    left_out = sum(bool(row["problem"]) for row in rows)
    return f"{made} written{f', {left_out} left out' if left_out else ''}"


def find_sources(folder: Path) -> list[Path]:
    """Return the importable files; raise ArtistError if the folder is missing or has none."""
    if not folder.is_dir():
        raise ArtistError(f"The folder {folder} does not exist.", "Name the folder of the animated files.")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMPORTERS and path.is_file())
    if not found:
        raise ArtistError(f"{folder} has no file that ends in {', '.join(IMPORTERS)}.", "Name another folder.")
    return found


def target_of(name: str, out: Path, clip: str = "") -> Path:
    """Return the path of a sequence. The source's ending stays in the name: walk.glb and walk.fbx are two sequences."""
    return out / f"{name}{'.' if clip else ''}{clip}.safetensors"


def settings_of(options: TrackOptions) -> dict[str, Any]:
    return {"format": FORMAT, **asdict(options)}


def attempt(path: Path, name: str, out: Path, options: TrackOptions) -> tuple[int, list[dict[str, str]], str | None]:
    """Track the requested animations of one file that are still missing.

    While the file is read, its name is kept on disk. If an importer crashes Blender, the next run knows the file.

    Returns:
        The number of sequences written; the rows of all its animations; one sentence on what is wrong with the file, or
        None if any part of it can be used.
    """
    reading = out / READING
    write(reading, lambda: reading.write_text(name, encoding="utf-8"))
    try:
        return convert_file(path, name, out, options)
    finally:
        reading.unlink(missing_ok=True)


def convert_file(
    path: Path, name: str, out: Path, options: TrackOptions
) -> tuple[int, list[dict[str, str]], str | None]:
    """Do the work of `attempt`, and return the same."""
    every, written = options.clips == Clips.EVERY, 0
    survey, problem = tried(lambda: survey_file(path, options.facing, options.keep_still, options.clips != Clips.FIRST))
    if survey is None:
        return 0, [], problem
    left_out, targets = dict(survey.left_out), {}
    names, digest = file_names(passage.name for passage in survey.passages), sha256(path)
    for passage in chosen(survey, options.clips):
        target = target_of(name, out, names[passage.name] if every else "")
        if not target.exists():
            make = partial(track_passage, path, name, digest, survey, passage, options)
            _, problem = tried(partial(save, target, make))
            if problem:
                left_out[passage.name] = problem
                continue
            written += 1
        targets[passage.name] = target.relative_to(out).as_posix()
    rows = [row_of(name, clip, targets[clip], "") for clip in targets]
    rows += [row_of(name, clip, "", sentence) for clip, sentence in left_out.items()]
    return written, rows, None if targets else next(iter(left_out.values()))


def save(target: Path, make: Callable[[], Tracks]) -> None:
    save_tracks(target, make())


def row_of(name: str, clip: str, sequence: str, problem: str) -> dict[str, str]:
    return {"file": name, "clip": clip, "sequence": sequence, "problem": problem}


def tried(step: Callable[[], Result]) -> tuple[Result | None, str | None]:
    """Return the result of a step, or one sentence on what is wrong with the file.

    Raises:
        FolderError: a folder cannot be written, which stops the whole conversion.
    """
    try:
        return step(), None
    except FolderError:
        raise
    except ArtistError as error:
        return None, str(error)
    except OSError as error:
        return None, f"It cannot be read: {error.strerror or error}."
    except Exception as error:  # one odd file among thousands must not stop the others
        traceback.print_exc()
        return None, f"It cannot be tracked: {type(error).__name__}: {str(error).strip().splitlines()[-1:]}."


def say(line: str) -> None:
    """Print a line to standard error, since Blender itself writes to standard output."""
    print(line, file=sys.stderr, flush=True)
