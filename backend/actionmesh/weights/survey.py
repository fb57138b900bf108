"""What lies below a folder of weights, found by what it holds: also where a part may not be read, or links lead in circles."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

DEPTH = 4
MOST_FOLDERS = 5000
"""That are looked into: a whole disk, named by a slip, is no folder of checkpoints."""


@dataclass(frozen=True)
class Parts:
    """What was found below a folder.

    Args:
        found: the public folders by name.
        missing: what is not there, in words.
        closed: whether a folder may not be read, in which it may be.
    """

    found: dict[str, Path]
    missing: tuple[str, ...]
    closed: bool


def find_parts(path: Path) -> Parts:
    """The public folders below `path`, known by what they hold."""
    markers = {
        "TripoSG": ("transformer/config.json", "vae/config.json", "image_encoder_dinov2/config.json"),
        "ActionMesh": ("denoiser/config.json", "autoencoder/config.json"),
        "RMBG-1.4": ("model.safetensors", "config.json"),
    }
    found: dict[str, Path] = {}
    closed: list[Path] = []
    for folder in islice(_walk(path, DEPTH, closed, set()), MOST_FOLDERS):
        for name, files in markers.items():
            is_it = all(os.path.isfile(folder / file) for file in files)
            if is_it and (name != "RMBG-1.4" or "rmbg" in str(folder.relative_to(path)).lower()):
                found.setdefault(name, folder)
    sources = {"TripoSG": "VAST-AI/TripoSG", "ActionMesh": "facebook/ActionMesh"}
    missing = [f"the folder of {source}" for name, source in sources.items() if name not in found]
    if missing and closed:
        missing = [f"permission to read {folder}" for folder in closed[:3]]
    return Parts(found, tuple(missing), bool(closed))


def _walk(path: Path, depth: int, closed: list[Path], seen: set[str]) -> Iterator[Path]:
    """Yield `path` and the folders below it, each once, also where links lead in circles; `closed` gets those it may not read."""
    real = os.path.realpath(path)
    if real in seen:
        return
    seen.add(real)
    yield path
    if not depth:
        return
    try:
        children = sorted(child for child in path.iterdir() if child.is_dir() and not child.name.startswith("."))
    except OSError:
        closed.append(path)
        return
    for child in children:
        yield from _walk(child, depth - 1, closed, seen)
