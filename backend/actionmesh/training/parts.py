"""Save and load the finished parts of a run, one file each."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import Dinov2Config, Dinov2Model

from ..errors import InputError
from ..models.shape_vae import ShapeVAE
from ..sizes import Sizes
from ..weights.load import check_tensors, read_tensors

if TYPE_CHECKING:  # benchmarks build networks without the packages that render and mesh toys
    from .objectives import FrozenVAE
    from .sources import Source

Network = TypeVar("Network", bound=nn.Module)
CPU = torch.device("cpu")
STATISTICS_SHAPES, STATISTICS_CHUNK = 512, 32


def part_path(folder: Path, name: str) -> Path:
    return folder / f"{name}.safetensors"


def save_part(network: nn.Module, folder: Path, name: str) -> None:
    """Write a network's weights atomically."""
    path = part_path(folder, name)
    part = path.with_suffix(".part")
    save_file({key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}, part)
    part.replace(path)


def load_part(make: Callable[[], Network], folder: Path, name: str) -> Network:
    """Return a network with the weights of a finished part, in full precision and trainable like a new one.

    Raises:
        InputError: the part is not finished.
        CheckpointError: its file is damaged or of other sizes.
    """
    path = part_path(folder, name)
    if not path.exists():
        raise InputError(
            f"{path} is missing.", f"Train the part that makes {name} first, or unpack a checkpoint there."
        )
    with torch.device("meta"):
        network = make()
    tensors = read_tensors(path)
    check_tensors(network.state_dict(), tensors, str(path))
    network.load_state_dict({key: tensor.to(torch.float32, copy=True) for key, tensor in tensors.items()}, assign=True)
    return network


def new_encoder(sizes: Sizes, device: torch.device = CPU) -> Dinov2Model:
    """Return a new image encoder; on a CPU with eager attention, whose backward pass is faster there."""
    encoder = Dinov2Model(Dinov2Config(**sizes.encoder))
    encoder.set_attn_implementation("eager" if device.type == "cpu" else "sdpa")
    if encoder.embeddings.mask_token is not None:
        encoder.embeddings.mask_token.requires_grad_(False)  # no picture is masked
    return encoder.train()


def frozen_vae(folder: Path, sizes: Sizes) -> "FrozenVAE":
    from .objectives import FrozenVAE

    return FrozenVAE(load_part(lambda: ShapeVAE(sizes.vae), folder, "vae"), *read_statistics(folder))


def write_statistics(folder: Path, statistics: Mapping[str, list[float]]) -> None:
    (folder / "latents.json").write_text(json.dumps(statistics), encoding="utf-8")


def read_statistics(folder: Path) -> tuple[Tensor, Tensor]:
    """Return mean and deviation of the latents' channels, (D) each, or (1) each if latents are not normalised."""
    path = folder / "latents.json"
    values = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"mean": [], "std": []}
    return torch.tensor(values["mean"] or [0.0]), torch.tensor(values["std"] or [1.0])


@torch.no_grad()
def latent_statistics(vae: ShapeVAE, source: "Source", sizes: Sizes, device: torch.device) -> dict[str, list[float]]:
    """Return mean and deviation of every latent channel over STATISTICS_SHAPES random shapes."""
    generator = torch.Generator().manual_seed(1)
    means = []
    for _ in range(STATISTICS_SHAPES // STATISTICS_CHUNK):
        batch = source.windows(STATISTICS_CHUNK, 1, sizes.points, sizes.tokens, generator)
        posterior = vae.encode(batch.tracks[:, 0].to(device), batch.token_indices.to(device))
        means.append(posterior.mean.flatten(0, 1).float().cpu())
    latents = torch.cat(means)
    return {"mean": latents.mean(0).tolist(), "std": latents.std(0).tolist()}
