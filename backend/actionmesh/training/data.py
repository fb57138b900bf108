"""Store toys in shards and read them back as tensors.

A shard is two safetensors files of consecutive seeds: one with the tracks, one with the pictures. The shape VAE and the
temporal autoencoder need no pictures.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..errors import InputError
from ..toys.meshing import reference_vertices
from ..toys.queries import sample_tracked_points
from ..toys.rendering import render_toy, small_pictures, toy_camera_and_light
from ..toys.sequence import ToySequence, make_sequence
from ..toys.shapes import BodyBatch, stack_bodies
from .masks import with_mask_errors
from .patches import Views

SHARD = 50
POINTS = 1536
VERTICES = 384
FRAMES = 16
BODY = {field.name: f"body.{field.name}" for field in fields(BodyBatch)}
NAMES = {"points", "normals", "vertices", "vertex_normals", *BODY.values()}
"""What a shard of tracks holds."""


@dataclass(frozen=True)
class ToyData:
    """n sequences of T frames.

    Args:
        points, normals: (n, T, P, 3) float16, the same P tracked surface points in every frame.
        vertices, vertex_normals: (n, T, V, 3) float16, some vertices of a mesh of each toy, as an artist might make it.
        pictures: (n, T, h, w, 3) uint8, cropped and squared as at inference; None if not requested.
        bodies: n * T bodies, sequence by sequence.
        views: how the pictures were taken; None without pictures.
    """

    points: Tensor
    normals: Tensor
    vertices: Tensor
    vertex_normals: Tensor
    pictures: Tensor | None
    bodies: BodyBatch
    views: Views | None

    def __len__(self) -> int:
        return len(self.points)

    @classmethod
    def load(cls, folder: Path, pictures: bool = True) -> "ToyData":
        """Load all shards of a folder that have what is requested.

        Raises:
            FileNotFoundError: there are none.
            InputError: a shard is of another version, or holds a value that is not finite.
        """
        paths = [
            path for path in sorted(folder.glob("tracks_*.safetensors")) if not pictures or picture_path(path).exists()
        ]
        if not paths:
            raise FileNotFoundError(f"{folder} has no shards; make them with `python -m actionmesh.training data`")
        shards = [load_file(path) for path in paths]
        for path, shard in zip(paths, shards, strict=True):
            if shard.keys() != NAMES:
                raise InputError(
                    f"{path} was made by another version of the generator.", "Make the data again in another folder."
                )
            if not all(torch.isfinite(shard[name]).all() for name in NAMES):
                raise InputError(f"{path} holds numbers that are not finite.", "Delete it and make the data again.")
        counts = [len(shard["points"]) for shard in shards]
        joined = {name: _concatenate([shard[name] for shard in shards]) for name in shards[0]}
        bodies = BodyBatch(**{name: joined.pop(stored) for name, stored in BODY.items()})
        frames = torch.cat([load_file(picture_path(path))["pictures"] for path in paths]) if pictures else None
        seeds = [seed for path, count in zip(paths, counts, strict=True) for seed in seeds_of(path, count)]
        views = Views.of([toy_camera_and_light(seed)[0] for seed in seeds], joined["points"]) if pictures else None
        return cls(**joined, pictures=frames, bodies=bodies, views=views)


def seeds_of(tracks: Path, count: int) -> range:
    """Return the seeds of a shard of `count` sequences; its name holds the first seed."""
    first = int(tracks.stem.removeprefix("tracks_"))
    return range(first, first + count)


def picture_path(tracks: Path) -> Path:
    return tracks.with_name(tracks.name.replace("tracks_", "pictures_"))


def make_shard(folder: Path, first_seed: int, pictures: bool, template: str | None = None, count: int = SHARD) -> Path:
    """Make the missing files of the shard of `count` seeds from `first_seed`; return the path of its tracks.

    Args:
        template: name of the template of all toys; None lets each seed draw one.
    """
    path = folder / f"tracks_{first_seed:07d}.safetensors"
    missing = [make for make, file in ((_tracks, path), (_pictures, picture_path(path))) if not file.exists()]
    if not pictures:
        missing = [make for make in missing if make is _tracks]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        sequences = [make_sequence(seed, FRAMES, template) for seed in range(first_seed, first_seed + count)]
        for make in missing:
            _save(make(sequences), path if make is _tracks else picture_path(path))
    return path


def _tracks(sequences: list[ToySequence]) -> dict[str, Tensor]:
    tracked = [sample_tracked_points(sequence, POINTS, sequence.seed) for sequence in sequences]
    meshed = [
        reference_vertices(sequence, VERTICES, np.random.default_rng((sequence.seed, 2))) for sequence in sequences
    ]
    bodies = stack_bodies([sequence.body for sequence in sequences])
    return {
        "points": _halves([points for points, _ in tracked]),
        "normals": _halves([normals for _, normals in tracked]),
        "vertices": _halves([vertices for vertices, _ in meshed]),
        "vertex_normals": _halves([normals for _, normals in meshed]),
        **{stored: getattr(bodies, name) for name, stored in BODY.items()},
    }


def _halves(arrays: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(arrays)).half()


def _pictures(sequences: list[ToySequence]) -> dict[str, Tensor]:
    return {"pictures": torch.from_numpy(np.stack([picture_frames(sequence) for sequence in sequences]))}


def _save(tensors: dict[str, Tensor], path: Path) -> None:
    part = path.with_suffix(".part")
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, part)
    part.replace(path)


def picture_frames(sequence: ToySequence) -> np.ndarray:
    """Render a toy, cut it out with some errors and prepare it as at inference: (T, h, w, 3) uint8 on white."""
    return small_pictures(with_mask_errors(render_toy(sequence), np.random.default_rng((sequence.seed, 3))))


def _concatenate(parts: list[Tensor]) -> Tensor:
    """Concatenate along the first axis; pad the second to the longest, as bodies differ in their number of parts."""
    longest = max(part.shape[1] for part in parts) if parts[0].ndim > 1 else 0
    padded = [
        part
        if part.ndim == 1 or part.shape[1] == longest
        else torch.cat([part, part.new_zeros(len(part), longest - part.shape[1], *part.shape[2:])], dim=1)
        for part in parts
    ]
    return torch.cat(padded)
