"""Turns a folder of animated files into a data set of tracked points, in Blender or in a Python that has bpy.

    blender -b --factory-startup --python blender_addon/dataset.py -- FOLDER OUT [options]
    python blender_addon/dataset.py FOLDER OUT [options]

Every .glb, .gltf, .fbx, .abc and USD file below FOLDER becomes one .safetensors file at the same place below OUT
(`motion/tracks.py` says what it holds). Run again, it goes on where it was stopped; failures.csv lists what could not be
used, one sentence each, and all but what ended Blender is tried again.
"""

import argparse
import csv
import hashlib
import importlib
import importlib.util
import json
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .scene.tracked_file import TrackOptions

SETTINGS, FAILURES, READING = "dataset.json", "failures.csv", ".reading"
CRASHED = "Blender ended while reading it."
PACKAGE = "actionmesh_of_dataset"
"""The name under which the package is loaded where this file is run by path: no other copy of it is touched."""
FINISHED, STOPPED, INTERRUPTED = 0, 2, 130


def main(arguments: Sequence[str]) -> int:
    """Runs the command line; 0 when the folder is done, failures included, 2 when it could not be, 130 when Ctrl+C stopped it."""
    from .errors import ArtistError
    from .scene.tracked_file import TrackOptions

    chosen = vars(parser().parse_args(arguments))
    folder, out = chosen.pop("folder").resolve(), chosen.pop("out").resolve()
    try:
        options = TrackOptions(**chosen)
        done, failed, there = convert(folder, out, options)
    except ArtistError as error:
        say(str(error))
        return STOPPED
    except KeyboardInterrupt:
        say("Stopped; the same command goes on.")
        return INTERRUPTED
    say(f"{done} written, {there} were there, {failed} failed{f' (see {out / FAILURES})' if failed else ''}.")
    return FINISHED


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="dataset.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("folder", type=Path)
    top.add_argument("out", type=Path)
    top.add_argument("--frames", type=int, default=16, help="spread evenly over the animation (16)")
    top.add_argument("--points", type=int, default=8192, help="on the surface (8192)")
    top.add_argument("--vertices", type=int, default=1024, help="of the mesh's own (1024)")
    top.add_argument("--size", type=int, default=256, help="pixels of a picture's side (256)")
    top.add_argument("--views", type=int, default=1, help="cameras; 0 makes no pictures (1)")
    top.add_argument("--facing", default="NEG_Y", help="the axis that subjects face in Blender (NEG_Y)")
    top.add_argument("--seed", type=int, default=0)
    distances = top.add_mutually_exclusive_group()
    distances.add_argument("--distances", dest="queries", action="store_const", const=4096, default=0, help="--queries 4096")
    distances.add_argument("--queries", type=int, dest="queries", help="points a frame whose signed distance is measured")
    top.add_argument("--keep-still", action="store_true", help="keep files in which nothing moves")
    return top


def convert(folder: Path, out: Path, options: "TrackOptions") -> tuple[int, int, int]:
    """Makes what is missing of a data set.

    Returns:
        how many sequences were written, how many files failed, how many sequences were there.

    Raises:
        ArtistError: there is nothing to do, or OUT was made with other options.
        FolderError: OUT cannot be written.
    """
    sources = find_sources(folder)
    begin(out, options)
    failures = crashes(out)
    written = there = 0
    for number, path in enumerate(sources, start=1):
        name, target = path.relative_to(folder).as_posix(), target_of(path, folder, out)
        if target.exists():
            there += 1
            continue
        problem = failures.get(name) or attempt(path, name, target, out, options)
        say(f"{number}/{len(sources)} {name}: {problem or 'written'}")
        written += not problem
        if problem:
            failures[name] = problem
            write_failures(out, failures)
    write_failures(out, failures)
    return written, len(failures), there


def find_sources(folder: Path) -> list[Path]:
    """Raises ArtistError where the folder is missing or has nothing that can be imported."""
    from .errors import ArtistError
    from .scene.importing import IMPORTERS

    if not folder.is_dir():
        raise ArtistError(f"The folder {folder} does not exist.", "Give the folder of the animated files.")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMPORTERS and path.is_file())
    if not found:
        raise ArtistError(f"{folder} has no file that ends in {', '.join(IMPORTERS)}.", "Give another folder.")
    return found


def target_of(path: Path, folder: Path, out: Path) -> Path:
    """The ending stays in the name: walk.glb and walk.fbx are two sequences."""
    relative = path.relative_to(folder)
    return out / relative.with_name(relative.name + ".safetensors")


def begin(out: Path, options: "TrackOptions") -> None:
    """Makes the folder and writes down its options, or compares them."""
    from .errors import ArtistError
    from .motion.tracks import FORMAT

    settings = {"format": FORMAT, **asdict(options)}
    path = out / SETTINGS
    if not path.exists():
        write(out, lambda: out.mkdir(parents=True, exist_ok=True))
        write(path, lambda: path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8"))
        return
    there = json.loads(path.read_text(encoding="utf-8"))
    differing = sorted(name for name in settings if there.get(name) != settings[name])
    if differing:
        told = ", ".join(f"{name} {there.get(name)}" for name in differing)
        raise ArtistError(f"{out} was made with other options ({told}).", "Give those, or another folder.")


def attempt(path: Path, name: str, target: Path, out: Path, options: "TrackOptions") -> str | None:
    """Tracks one file; what is wrong with it in one sentence, None if nothing is.

    While it is read its name is in a file: an importer that ends Blender is known by it afterwards.
    """
    from .errors import ArtistError, FolderError
    from .motion.tracks import save_tracks
    from .scene.tracked_file import track_file

    reading = out / READING
    write(reading, lambda: reading.write_text(name, encoding="utf-8"))
    try:
        save_tracks(target, track_file(path, sha256(path), options))
    except FolderError:
        raise
    except ArtistError as error:
        return str(error)
    except OSError as error:
        return f"It cannot be read: {error.strerror or error}."
    except Exception as error:  # one odd file among thousands must not end the rest
        traceback.print_exc()
        return f"It cannot be tracked: {type(error).__name__}: {str(error).strip().splitlines()[-1:]}."
    finally:
        reading.unlink(missing_ok=True)
    return None


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def crashes(out: Path) -> dict[str, str]:
    """The files that ended Blender in earlier runs, the last one among them; they are not tried again."""
    reading, path = out / READING, out / FAILURES
    names = []
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            names = [row["file"] for row in csv.DictReader(file) if row["problem"] == CRASHED]
    if reading.exists():
        names.append(reading.read_text(encoding="utf-8"))
    failures = dict.fromkeys(names, CRASHED)
    if failures:
        write_failures(out, failures)
    reading.unlink(missing_ok=True)
    return failures


def write_failures(out: Path, failures: dict[str, str]) -> None:
    """Raises FolderError where it cannot be written."""
    path, part = out / FAILURES, out / f".part-{FAILURES}"

    def replace() -> None:
        with part.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("file", "problem"))
            rows.writerows(failures.items())
        part.replace(path)

    write(path, replace)


def write(path: Path, step: Callable[[], object]) -> None:
    """Raises FolderError naming the path where a step fails to write."""
    from .errors import FolderError

    try:
        step()
    except OSError as error:
        raise FolderError(f"{path} cannot be written: {error.strerror}.", "Free some space, or choose another folder.") from error


def say(line: str) -> None:
    """On the standard error, since Blender itself writes to the standard output."""
    print(line, file=sys.stderr, flush=True)


def own_arguments(argv: Sequence[str]) -> list[str]:
    """What follows "--" in Blender, and the script's name elsewhere."""
    return list(argv[argv.index("--") + 1 :] if "--" in argv else argv[1:])


def load_package(folder: Path) -> ModuleType:
    """This package, wherever it lies and whatever its folder is called; the module search path stays as it is."""
    spec = importlib.util.spec_from_file_location(PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)])
    assert spec is not None and spec.loader is not None
    sys.modules[PACKAGE] = package = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)
    return package


if __name__ == "__main__":
    load_package(Path(__file__).resolve().parent)
    sys.exit(importlib.import_module(f"{PACKAGE}.dataset").main(own_arguments(sys.argv)))
