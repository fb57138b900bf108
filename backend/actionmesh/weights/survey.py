"""Find the public weights below a folder by their contents, even if parts are unreadable or links form circles."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

DEPTH = 4
OPTIONAL = {
    "RMBG-1.4": "rmbg",
    "sam2.1-hiera-large": "sam2.1-hiera-large",
    "sam2.1-hiera-tiny": "sam2.1-hiera-tiny",
    "EdgeTAM-hf": "edgetam",
}
"""Models that find the subject: the name of each, and the part of a folder's name that tells it from the others."""
TRACKERS = ("sam2.1-hiera-large", "sam2.1-hiera-tiny", "EdgeTAM-hf")
"""Those that follow a subject, the best first."""
MOST_FOLDERS = 5000
"""Limit on the folders to look into: a whole disk, chosen by mistake, is not a folder of checkpoints."""


@dataclass(frozen=True)
class Parts:
    """The public folders found below a folder.

    Args:
        found: the public folders by name.
        missing: what was not found, in words.
        closed: whether a folder is unreadable and might hold it.
    """

    found: dict[str, Path]
    missing: tuple[str, ...]
    closed: bool


def find_parts(path: Path) -> Parts:
    """Find the public folders below `path`, recognised by their contents."""
    markers = {
        "TripoSG": ("transformer/config.json", "vae/config.json", "image_encoder_dinov2/config.json"),
        "ActionMesh": ("denoiser/config.json", "autoencoder/config.json"),
        **{name: ("model.safetensors", "config.json") for name in OPTIONAL},
    }
    found: dict[str, Path] = {}
    closed: list[Path] = []
    for folder in islice(_walk(path, DEPTH, closed, set()), MOST_FOLDERS):
        for name, files in markers.items():
            is_it = all(os.path.isfile(folder / file) for file in files)
            if is_it and OPTIONAL.get(name, "") in str(folder.relative_to(path)).lower():
                found.setdefault(name, folder)
    sources = {"TripoSG": "VAST-AI/TripoSG", "ActionMesh": "facebook/ActionMesh"}
    missing = [f"the folder of {source}" for name, source in sources.items() if name not in found]
    if missing and closed:
        missing = [f"permission to read {folder}" for folder in closed[:3]]
    return Parts(found, tuple(missing), bool(closed))


def _walk(path: Path, depth: int, closed: list[Path], seen: set[str]) -> Iterator[Path]:
    """Yield `path` and the folders below it, each once, even if links form circles; unreadable ones go to `closed`."""
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
