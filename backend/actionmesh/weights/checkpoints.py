"""Find checkpoints and their parts.

A checkpoint is a folder that holds the public folders as downloaded, under any names: one with `transformer/` and
`vae/` (TripoSG), one with `denoiser/` and `autoencoder/` (ActionMesh), and optionally RMBG-1.4, SAM 2.1 and EdgeTAM.
The bundled checkpoint has the same layout and one more file, `checkpoint.json`, for its differences from the public
one.
"""

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import CheckpointError
from ..models.config import read_json
from ..protocol.limits import is_whole
from .survey import OPTIONAL, TRACKERS, find_parts

BUNDLED = Path(__file__).parents[1] / "checkpoints"
VARIABLE = "ACTIONMESH_CHECKPOINTS"
MOST_POINTS = 1 << 20
MOST = 1e18
"""Limit of any number about latents: its square is still finite in float32."""


@dataclass(frozen=True)
class Settings:
    """A checkpoint's own settings from `checkpoint.json`; the defaults are those of the public weights.

    Args:
        latent_mean, latent_std: of each latent channel; the denoisers and the temporal autoencoder see
            (latent - mean) / std.
        reference_extent: half the longest side that an artist's mesh is scaled to.
        surface_points: how many surface points the VAE encodes.
        toys_only: whether image-to-3D has the size of the bundled toy, so that a relief suits real pictures better. The
            name is that of the first version, which knew toys only.
        presets: numbers that replace those of `presets.PRESETS`, by preset and name.
        licence: what the user must know before using the weights.
    """

    latent_mean: tuple[float, ...] = ()
    latent_std: tuple[float, ...] = ()
    reference_extent: float = 1.0
    surface_points: int = 16_384
    toys_only: bool = False
    presets: dict[str, dict[str, Any]] = field(default_factory=dict)
    licence: str = "ActionMesh weights: non-commercial research only"

    def __post_init__(self) -> None:
        numbers = (*self.latent_mean, *self.latent_std, self.reference_extent)
        if not all(
            isinstance(number, int | float) and not isinstance(number, bool) and abs(number) < MOST
            for number in numbers
        ):
            raise TypeError("latent_mean, latent_std and reference_extent must be numbers")
        if len(self.latent_mean) != len(self.latent_std) or not all(deviation > 0 for deviation in self.latent_std):
            raise ValueError("latent_mean and latent_std do not belong together")
        if not (0 < self.reference_extent <= 1 and is_whole(self.surface_points, 1, MOST_POINTS)):
            raise ValueError(
                f"reference_extent {self.reference_extent} and surface_points {self.surface_points} are out of range"
            )
        if not isinstance(self.licence, str) or not isinstance(self.presets, dict):
            raise TypeError("licence must be a text, and presets an object")
        if not isinstance(self.toys_only, bool):
            raise TypeError("toys_only must be true or false")
        if not all(isinstance(numbers, dict) for numbers in self.presets.values()):
            raise TypeError("presets must hold an object of numbers for each name")

    @classmethod
    def load(cls, path: Path) -> "Settings":
        """Read `path`, or return the public settings if it does not exist; raise CheckpointError naming the file."""
        if not os.path.lexists(path):
            return cls()
        values = read_json(path)
        try:
            lists: dict[str, Any] = {name: tuple(values.pop(name, ())) for name in ("latent_mean", "latent_std")}
            return cls(**lists, **values)
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"{path} cannot be understood: {error}.", "Download the checkpoint again.") from error


@dataclass(frozen=True)
class Checkpoint:
    """The folders of a checkpoint's parts."""

    path: Path
    image_encoder: Path
    image_preprocessing: Path
    scheduler: Path
    image_to_3d: Path
    shape_vae: Path
    temporal_denoiser: Path
    temporal_autoencoder: Path
    background_removal: Path | None
    subject_tracker: Path | None
    settings: Settings

    @property
    def name(self) -> str:
        return self.path.name


@dataclass(frozen=True)
class CheckpointInfo:
    """A checkpoint as shown to the user; `kind` is "bundled" or "public", `missing` lists what is not there yet."""

    name: str
    path: Path
    kind: str
    bytes: int
    missing: tuple[str, ...]


def open_checkpoint(path: Path) -> Checkpoint:
    """Find the parts of the checkpoint in folder `path`.

    Raises:
        CheckpointError: the folder or a part of it is missing; the sentence names it and says where to get it.
    """
    if not os.path.isdir(path):
        raise CheckpointError(
            f"There is no checkpoint folder {path}.", "Choose a folder that holds one, or leave the choice open."
        )
    parts = find_parts(path)
    found = parts.found
    if parts.missing:
        cure = "Allow reading it." if parts.closed else "Download what is missing into it."
        raise CheckpointError(f"The checkpoint {path} lacks {' and '.join(parts.missing)}.", cure)
    triposg, actionmesh = found["TripoSG"], found["ActionMesh"]
    optional = _shared_optional() | found
    return Checkpoint(
        path=path,
        image_encoder=triposg / "image_encoder_dinov2",
        image_preprocessing=triposg / "feature_extractor_dinov2" / "preprocessor_config.json",
        scheduler=triposg / "scheduler" / "scheduler_config.json",
        image_to_3d=triposg / "transformer",
        shape_vae=triposg / "vae",
        temporal_denoiser=actionmesh / "denoiser",
        temporal_autoencoder=actionmesh / "autoencoder",
        background_removal=optional.get("RMBG-1.4"),
        subject_tracker=next((optional[name] for name in TRACKERS if name in optional), None),
        settings=Settings.load(path / "checkpoint.json"),
    )


def find_folders(path: Path) -> dict[str, Path]:
    """Return the folders in which the checkpoint in `path` finds "TripoSG", "ActionMesh" and optional models, by name.

    Names that are not found are left out.
    """
    return _shared_optional() | (find_parts(path).found if os.path.isdir(path) else {})


def _shared_optional() -> dict[str, Path]:
    """Return the optional models in the user's folder of checkpoints; every checkpoint without its own uses them."""
    folder = os.environ.get(VARIABLE)
    found = find_parts(Path(folder)).found if folder and os.path.isdir(folder) else {}
    return {name: path for name, path in found.items() if name in OPTIONAL}


def find_checkpoints(folder: Path | None = None) -> list[CheckpointInfo]:
    """Return the bundled checkpoints, then those in `folder` or in the folder that ACTIONMESH_CHECKPOINTS names."""
    elsewhere = folder or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    bundled = [_describe(path, "bundled") for path in _folders(BUNDLED)]
    return bundled + [_describe(path, "public") for path in (_folders(elsewhere) if elsewhere else [])]


def default_checkpoint() -> CheckpointInfo:
    """Return the first complete bundled checkpoint; raise CheckpointError if the installation has none."""
    for info in find_checkpoints():
        if info.kind == "bundled" and not info.missing:
            return info
    raise CheckpointError(f"{BUNDLED} holds no complete checkpoint.", "Install ActionMesh again.")


def files_of(path: Path) -> list[Path]:
    """Return every existing file of the checkpoint in folder `path`."""
    files = [path / "checkpoint.json"]
    for name, folder in find_folders(path).items():
        depth = "*" if name in OPTIONAL else "*/*"
        files += [file for ending in ("json", "safetensors") for file in folder.glob(f"{depth}.{ending}")]
    return files


def _folders(parent: Path) -> list[Path]:
    """Return the checkpoints in a folder; the folder itself if only all of it is one, or if it is unreadable."""
    if not os.path.isdir(parent):
        return []
    try:
        children = sorted(
            path for path in parent.iterdir() if not path.name.startswith((".", "_")) and _is_folder(path)
        )
    except OSError:
        return [parent]
    parts = {path: find_parts(path) for path in children}
    found = [path for path in children if parts[path].found or parts[path].closed]
    whole = found and all(parts[path].missing for path in found) and not find_parts(parent).missing
    return [parent] if whole else found


def _is_folder(path: Path) -> bool:
    """Return whether `path` is a folder, or might be one but cannot be examined."""
    try:
        return path.is_dir()
    except OSError:
        return True


def _describe(path: Path, kind: str) -> CheckpointInfo:
    parts, size = find_parts(path), 0
    for file in {
        file
        for folder in parts.found.values()
        for depth in ("*", "*/*")
        for file in folder.glob(f"{depth}.safetensors")
    }:
        with suppress(OSError):
            size += file.stat().st_size
    return CheckpointInfo(path.name, path, kind, size, parts.missing)
