"""The files of a request: which it reads, under which names the other computer keeps them, and the request there."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import file_digest
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import MediaError, MeshError
from ..intake import read_json, regular_file
from ..job_inputs import frames_of, kept_masks_of, named_by, refuse_pipe
from ..protocol import MISFIT_ENDING, Animate, Generate, Look, Rematch, Rig, Source, Track

Job = Animate | Rematch | Look | Track | Rig
OUT = "out/"
"""The folder of results."""
LONGEST_HEADER = 1 << 26


@dataclass(frozen=True)
class Made:
    """What a result says of the files that it was made from."""

    clip: str | None = None
    mask: str | None = None
    mesh: str | None = None


@dataclass(frozen=True)
class Parcel:
    """The files of one job.

    Args:
        job: the request with this computer's paths.
        files: this computer's files, by their relative paths in the job's folder there.
        paths: the fields of the request that name files, each with its relative path there.
        results: relative paths of the results there, in the order of the request; the clip of `generate` comes last.
        places: of the results on this computer.
        own: this computer's names, by relative path there; also of files that do not exist.
        inputs: those relative paths that a result may record.
    """

    job: Job
    files: dict[str, Path] = field(default_factory=dict)
    paths: dict[str, Any] = field(default_factory=dict)
    results: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    own: dict[str, str] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()

    def addressed(self, folder: str) -> Job:
        """Return the request with the paths that it has in the job's folder on the other computer."""
        there = PurePosixPath(folder)
        paths: dict[str, Any] = {name: str(there / path) for name, path in self.paths.items() if isinstance(path, str)}
        if isinstance(self.job, Animate):
            known = zip(self.job.known, self.paths.get("known", ()), strict=True)
            paths["known"] = tuple(replace(shape, mesh=str(there / path)) for shape, path in known)
        written = [path for path in self.results if path.startswith(OUT)]
        out = tuple(f"{there / path}{'/' if path.endswith('/') else ''}" for path in written)
        names = {str(there / path): self.own[path] for path in self.inputs}
        paths |= {"out": out[0] if isinstance(self.job, Look) else out, "names": names}
        return replace(self.job, **paths)

    def answered(self, result: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the results there and their places here, with the masks that a `track` kept.

        Args:
            result: the answer, in this computer's names.
        """
        masks = result.get("masks") if isinstance(self.job, Track) else None
        if not isinstance(masks, str):
            return self.results, self.places
        return (*self.results, f"{OUT}0/{Path(masks).name}/"), (*self.places, masks)

    def remains(self) -> list[tuple[str, str]]:
        """Return what a failed job may have left there, each with its place here: its clip, a picture of a misfit."""
        found = []
        if isinstance(self.job, Generate):
            found.append((self.results[-1], self.places[-1]))
        if isinstance(self.job, Animate) and self.job.bend and self.job.out:
            there, here = PurePosixPath(self.results[0]), Path(self.places[0])
            name = f"{here.stem}{MISFIT_ENDING}"
            found.append((str(there.with_name(name)), str(here.with_name(name))))
        return found

    def translated(self, value: Any, folder: str) -> Any:
        """Return JSON with this computer's names instead of the paths in the job's folder there."""
        if isinstance(value, str):
            return self._translated_text(value, folder)
        if isinstance(value, list):
            return [self.translated(item, folder) for item in value]
        if isinstance(value, dict):
            return {name: self.translated(item, folder) for name, item in value.items()}
        return value

    def _translated_text(self, text: str, folder: str) -> str:
        if folder not in text:
            return text
        there = PurePosixPath(folder)
        for path in sorted(self.own, key=len, reverse=True):
            text = text.replace(str(there / path), self.own[path])
        return text


def pack(job: Job) -> Parcel:
    """Return the files of a job.

    Raises:
        MediaError, MeshError: an input is a pipe or a device, or a folder or a pattern holds no pictures.
    """
    packing = _Packing()
    if isinstance(job, Rematch | Rig):
        packing.add_file("result", job.result)
        made = made_from(Path(job.result))
        packing.add_mesh("mesh", made.mesh)
    if isinstance(job, Rematch):
        packing.add_frames("clip", job.clip or made.clip)
        packing.add_frames("mask", job.mask or made.mask)
    elif isinstance(job, Generate):
        packing.add_result("clip", job.clip)
        if job.picture is not None:
            packing.add_file("picture", job.picture)
    elif not isinstance(job, Rig):
        packing.add_frames("clip", job.clip)
        packing.add_frames("mask", job.mask)
    if isinstance(job, Source) and job.masks_from is not None:
        packing.add_masks("masks_from", job.masks_from)
    if isinstance(job, Animate):
        packing.add_mesh("mesh", job.mesh)
        for index, shape in enumerate(job.known):
            packing.add_mesh(f"known{index}", shape.mesh)
    return _packed(job, packing)


def _packed(job: Job, packing: "_Packing") -> Parcel:
    outs = (job.out,) if isinstance(job, Look) else job.out
    results = tuple(f"{OUT}{index}/{Path(name).name}{'/' * name.endswith('/')}" for index, name in enumerate(outs))
    if isinstance(job, Generate):
        outs, results = (*outs, job.clip), (*results, packing.paths["clip"])
    own = dict(packing.own)
    for result, name in zip(results, outs, strict=True):
        own |= {result.rstrip("/"): name, str(PurePosixPath(result).parent): str(Path(name).parent)}
    paths: dict[str, Any] = {name: path for name, path in packing.paths.items() if hasattr(job, name)}
    if isinstance(job, Animate):
        paths["known"] = [packing.paths[f"known{index}"] for index in range(len(job.known))]
    return Parcel(job, packing.files, paths, results, outs, own, tuple(packing.paths.values()))


class _Packing:
    """Collects the files, each input in a folder of its own there."""

    def __init__(self) -> None:
        self.files: dict[str, Path] = {}
        self.paths: dict[str, str] = {}
        self.own: dict[str, str] = {}

    def add_file(self, place: str, name: str) -> None:
        path = Path(name)
        self._name(place, path.name, name)
        if path.is_file():
            self.files[self.paths[place]] = path

    def add_result(self, place: str, name: str) -> None:
        """Add a file that the job writes and then reads."""
        self._name(place, Path(name).name, name)

    def add_mesh(self, place: str, name: str | None) -> None:
        """Add a mesh and the files below its folder that it names."""
        if name is None:
            return
        refuse_pipe(name, MeshError)
        self.add_file(place, name)
        folder = Path(name).resolve().parent
        for file in named_by(Path(name)):
            if file.is_file() and file.resolve().is_relative_to(folder):
                below = file.resolve().relative_to(folder).as_posix()
                self.files[f"{place}/{below}"] = file
                self.own[f"{place}/{below}"] = str(file)

    def add_frames(self, place: str, source: str | None) -> None:
        """Add a video, the pictures of a folder, or those of a pattern."""
        if source is None:
            return
        refuse_pipe(source, MediaError)
        path = Path(source)
        self._name(place, path.name, source)
        if path.is_file():
            self.files[self.paths[place]] = path
            return
        inside = self.paths[place] if path.is_dir() else place
        for picture in _pictures(path):
            self.files[f"{inside}/{picture.name}"] = picture
            self.own[f"{inside}/{picture.name}"] = str(picture)

    def add_masks(self, place: str, folder: str) -> None:
        """Add the masks that an earlier job kept, if they are still there."""
        self._name(place, Path(folder).name, folder)
        self.files |= {f"{self.paths[place]}/{path.name}": path for path in kept_masks_of(folder) if path.is_file()}

    def _name(self, place: str, name: str, own: str) -> None:
        self.paths[place] = f"{place}/{name or place}"
        self.own[self.paths[place]] = own


def _pictures(source: Path) -> Iterator[Path]:
    return (path for path in frames_of(str(source)) if path != source)


def made_from(result: Path) -> Made:
    """Return which files a result was made from; nothing if it cannot be read, which the worker says better."""
    try:
        with regular_file(result).open("rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            metadata = read_json(file.read(min(size, LONGEST_HEADER)))["__metadata__"]
        told = read_json(metadata["provenance"])
        named = {name: told.get(name) for name in ("clip", "mask", "mesh")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error, json.JSONDecodeError):
        return Made()
    return Made(**{name: text for name, text in named.items() if isinstance(text, str)})


def digest(path: Path) -> tuple[str, int]:
    """Return the SHA-256 and the size of a file; a file that has not changed is read once.

    Raises:
        OSError: it cannot be read.
    """
    found = path.stat()
    return _digest(path, found.st_size, found.st_mtime_ns, found.st_ino), found.st_size


@lru_cache(maxsize=10_000)
def _digest(path: Path, size: int, changed: int, node: int) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
