"""Encode a data set with a frozen VAE once, and train on the stored latents.

There is one safetensors file for every CHUNK sequences, and a summary of what was encoded. A sequence's tokens are the
same points in all its frames, chosen on the first. The files keep the mean and deviation of the posteriors in half
precision. Pictures and what their patches show still come from the data set.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import InputError
from ..files.atomic import write_atomically, write_text
from ..models.shape_vae import ShapeVAE
from ..sizes import Sizes
from .batches import choose_tokens
from .draws import EncodedWindows, Seen
from .recipes import PartRecipe

if TYPE_CHECKING:
    from accelerate import Accelerator

    from .sources import Source

CHUNK = 64
FRAMES_AT_ONCE = 8
SUMMARY = "latents.json"


@dataclass(frozen=True)
class LatentCache:
    """Encoded sequences of a data set.

    Args:
        folder: folder of the files.
        source: the sequences, in the order in which they were encoded.
    """

    folder: Path
    source: "Source"
    sizes: Sizes

    @classmethod
    def open(cls, folder: Path, vae: ShapeVAE, source: "Source", sizes: Sizes) -> "LatentCache":
        """Open a folder of latents; raise InputError if it has none, or if VAE, sizes or data set differ."""
        path = folder / SUMMARY
        if not path.exists():
            raise InputError(f"{folder} has no latents.", "Make them with `python -m actionmesh.training latents`.")
        made_of, wanted = json.loads(path.read_text(encoding="utf-8")), describe(vae, source, sizes)
        if made_of != wanted:
            other = " and ".join(name for name in wanted if made_of.get(name) != wanted[name])
            raise InputError(f"The latents in {folder} are of another {other}.", "Make them again in another folder.")
        return cls(folder, source, sizes)

    def seen_draw(self, recipe: PartRecipe) -> Callable[[torch.Generator], Seen]:
        """Return a draw of random windows: `frames` frames of a sequence in order, rarely consecutive."""

        def draw(generator: torch.Generator) -> Seen:
            rows = self.source.rows(recipe.rows, generator)
            read = [self._read(row, recipe.frames, generator) for row in rows.tolist()]
            frames, mean, deviation = (torch.stack(part) for part in zip(*read, strict=True))
            windows = EncodedWindows(mean, deviation, frames.float(), rows, pictures=torch.empty(0))
            patches = (
                self.source.patches_of(windows, self.sizes.grid).by_window(recipe.frames)
                if recipe.learn_encoder
                else None
            )
            return Seen(replace(windows, pictures=self.source.pictures_of(windows)), patches)

        return draw

    def _read(self, row: int, frames: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Read random frames (T) of a sequence, in order, with mean and deviation (T, N, D)."""
        path = shard_path(self.folder, row // CHUNK)
        try:
            with safe_open(str(path), framework="pt") as file:
                means, deviations = (file.get_slice(f"{name}.{row}") for name in ("mean", "deviation"))
                there = means.get_shape()[0]
                if there < frames:
                    cure = "Train on windows of fewer frames, or make the data set again with more."
                    raise InputError(f"Sequence {row} of the data set has {there} frames; windows have {frames}.", cure)
                chosen = torch.randperm(there, generator=generator)[:frames].sort().values
                parts = [torch.cat([part[int(i) : int(i) + 1] for i in chosen]) for part in (means, deviations)]
                return chosen, parts[0], parts[1]
        except (OSError, SafetensorError) as error:
            raise InputError(f"{path} is missing or damaged.", "Delete it and make the latents again.") from error


def encode_data_set(folder: Path, vae: ShapeVAE, source: "Source", sizes: Sizes, accelerator: "Accelerator") -> None:
    """Encode all sequences into `folder`, shared among the processes; existing files are kept.

    Raises:
        InputError: the folder has latents of another VAE, other sizes or another data set.
    """
    if (folder / SUMMARY).exists():
        LatentCache.open(folder, vae, source, sizes)
    folder.mkdir(parents=True, exist_ok=True)
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        write_text(folder / SUMMARY, json.dumps(describe(vae, source, sizes), indent=2) + "\n")
    vae = vae.to(accelerator.device)
    shards = range(-(-len(source) // CHUNK))
    for shard in shards[accelerator.process_index :: accelerator.num_processes]:
        path = shard_path(folder, shard)
        if not path.exists():
            rows = range(shard * CHUNK, min((shard + 1) * CHUNK, len(source)))
            tensors = {
                name: tensor for row in rows for name, tensor in encode_sequence(vae, source, row, sizes).items()
            }
            write_atomically(path, partial(save_file, tensors))
            print(path.name, flush=True)
    accelerator.wait_for_everyone()


@torch.no_grad()
def encode_sequence(vae: ShapeVAE, source: "Source", row: int, sizes: Sizes) -> dict[str, Tensor]:
    """Encode all T frames of a sequence as mean and deviation (T, N, D) float16.

    Raises:
        InputError: the sequence has too few points.
    """
    device = next(vae.parameters()).device
    generator = torch.Generator().manual_seed(row)
    tracks = source.sequence(row, sizes.points, generator)
    if tracks.shape[1] < sizes.points:
        problem = f"Sequence {row} of the data set has {tracks.shape[1]} points; the VAE encodes {sizes.points}."
        raise InputError(problem, "Make the data set again with more.")
    tokens = choose_tokens(tracks[:1, :, :3], sizes.tokens, generator)
    posteriors = [
        vae.encode(some.to(device), tokens.expand(len(some), -1).to(device)) for some in tracks.split(FRAMES_AT_ONCE)
    ]
    mean = torch.cat([each.mean.half().cpu() for each in posteriors])
    deviation = torch.cat([(0.5 * each.logvar).exp().half().cpu() for each in posteriors])
    return {f"mean.{row}": mean, f"deviation.{row}": deviation}


def describe(vae: ShapeVAE, source: "Source", sizes: Sizes) -> dict[str, str | int]:
    """Return what latents depend on; a data set is known by its length and points of its first and last sequence."""
    ends = [source.sequence(row, 8, torch.Generator().manual_seed(0)) for row in (0, len(source) - 1)]
    return {
        "VAE": digest(vae.state_dict().values()),
        "number of tokens": sizes.tokens,
        "number of points": sizes.points,
        "data set": f"{len(source)} {digest(ends)}",
    }


def digest(tensors: Iterable[Tensor]) -> str:
    """Return the SHA-256 of the tensors' values."""
    hashed = hashlib.sha256()
    for tensor in tensors:
        hashed.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
    return hashed.hexdigest()


def shard_path(folder: Path, shard: int) -> Path:
    return folder / f"latents_{shard:05d}.safetensors"
