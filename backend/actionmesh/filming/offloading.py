"""Memory plans of a video model: what is on the card while it runs, by the diffusers library's own means.

A need is the largest sum of weights and activations that are on the device at one time. Weights are counted from the
files. Activations are estimates that no measurement has confirmed: those of the transformer as `memory.needs` counts
those of the denoisers, those of the autoencoder in numbers for each pixel. If a plan turns out too large, `shoot`
takes the next one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import prod
from pathlib import Path

import torch

from ..memory.plan import AUTO, MARGIN, free_memory
from ..models.config import read_json
from ..protocol import Memory
from ..weights.tensor_file import read_entries
from .video_models import FRAME_STEP, VideoModel

GB = 10**9
PATCH = 2
"""Latents along each edge that the transformers turn into one token."""
PIXEL_NUMBERS = 400
"""Numbers that live at once for each pixel of the frames that the autoencoder decodes together."""
TILE = 256
"""Pixels along each edge of a tile, as the library cuts them."""
WIDTHS, RATIO = 4, 4.0
"""Widths of a token in a block's stream, and of its inner layer; see `memory.needs`."""


class Offload(StrEnum):
    """What waits in main memory: nothing, the networks that do not compute, or all layers but the one that computes."""

    NOTHING = "nothing"
    NETWORKS = "networks"
    LAYERS = "layers"


@dataclass(frozen=True)
class FilmingPlan:
    """How a video model fits its device.

    Args:
        card: the GB of a card for which the plan is the usual one.
        tiled: whether the autoencoder decodes tile by tile.
    """

    card: Memory
    offload: Offload
    tiled: bool


PLANS = (
    FilmingPlan(Memory.GB_24, Offload.NOTHING, tiled=False),
    FilmingPlan(Memory.GB_12, Offload.NETWORKS, tiled=True),
    FilmingPlan(Memory.GB_6, Offload.LAYERS, tiled=True),
)
"""From the roomiest to the smallest."""


@dataclass(frozen=True)
class FilmingNeeds:
    """Bytes that a clip takes on the device.

    Args:
        weights: of each network.
        denoising: of the transformer's activations.
        decoding, decoding_tiles: of the autoencoder's activations, for whole frames and for tiles.
    """

    weights: Mapping[str, int]
    denoising: int
    decoding: int
    decoding_tiles: int

    def bytes_of(self, plan: FilmingPlan) -> int:
        active = {
            "text_encoder": 0,
            "transformer": self.denoising,
            "vae": self.decoding_tiles if plan.tiled else self.decoding,
        }
        if plan.offload is Offload.NOTHING:
            return sum(self.weights.values()) + max(active.values())
        if plan.offload is Offload.NETWORKS:
            return max(self.weights[part] + active[part] for part in active)
        return max(active.values())


def filming_needs(
    model: VideoModel, folder: Path, size: tuple[int, int], frames: int, types: Mapping[str, torch.dtype]
) -> FilmingNeeds:
    """Return what a clip of `frames` frames of `size` (width, height) takes.

    Args:
        types: of each network's weights on the device.
    Raises:
        CheckpointError: a file of the model is missing or damaged.
    """
    weights = {part: types[part].itemsize * _numbers(folder / part) for part in types}
    config = read_json(folder / "transformer" / "config.json")
    width = int(config["num_attention_heads"]) * int(config["attention_head_dim"])
    ratio = config["ffn_dim"] / width if "ffn_dim" in config else RATIO
    moments = (frames - 1) // FRAME_STEP + 1
    tokens = moments * prod(length // (model.reduction * PATCH) for length in size)
    widths = WIDTHS + 1 + 2 * ratio
    pixels = types["vae"].itemsize * FRAME_STEP * PIXEL_NUMBERS
    return FilmingNeeds(
        weights,
        denoising=int(model.branches * widths * tokens * width * types["transformer"].itemsize),
        decoding=pixels * prod(size),
        decoding_tiles=pixels * prod(min(TILE, length) for length in size),
    )


def _numbers(folder: Path) -> int:
    """Return how many numbers the tensors of a folder hold."""
    return sum(entry.numel for path in sorted(folder.glob("*.safetensors")) for entry in read_entries(path).values())


def fitting_plans(needs: FilmingNeeds, memory: str, device: torch.device) -> Sequence[FilmingPlan]:
    """Return the roomiest plan that fits, and all smaller ones; the smallest alone if none fits, which may fail.

    Args:
        memory: GB of the card to fit, or "auto" for what is free on the device.
    """
    budget = free_memory(device) if memory == AUTO else int(memory) * GB
    fits = [index for index, plan in enumerate(PLANS) if MARGIN * needs.bytes_of(plan) <= budget]
    return PLANS[fits[0] if fits else -1 :]
