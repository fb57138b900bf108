"""Count the device memory, in bytes, that a checkpoint needs under a plan, from its configuration.

Weights are counted exactly. For activations, the largest set that lives at the same time in each network's blocks, as
`models/blocks.py` writes them, is counted in numbers of one token's width:

- the stream, its sum, the block's input that the caller holds, and one temporary (4);
- the U-Net skips that are kept (one for each block of the first half);
- the larger of self-attention's normed input, fused queries, keys and values, rotated queries and keys, and result
  (1 + 3 + 2 + 1 = 7), and the feed-forward's normed input and its inner layer before and after GELU (1 + 2 r, for as
  many tokens as it takes at once).

At full size one width of all tokens of 16 frames is 134 MB in half precision. Attention itself is counted as linear in
tokens, as it is in the fused kernels (FlashAttention, Dao et al. 2022).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from ..models.denoiser import ImageTo3DConfig, TemporalDenoiserConfig
from ..models.image_encoder import image_encoder_sizes
from ..models.image_preprocessing import ImagePreprocessing
from ..models.shape_vae import ShapeVAEConfig
from ..models.temporal_autoencoder import TemporalAutoencoderConfig
from ..weights.checkpoints import Checkpoint
from ..weights.parts import PARTS
from ..weights.precision import TypeOf, types_of
from ..weights.tensor_file import read_entries
from .plan import MemoryPlan

ATTENTION_WIDTHS = 7
STREAM_WIDTHS = 4
FEED_FORWARD_RATIO = 4.0
PICTURES = 4
"""Number of pictures encoded at once, see `stages.pictures`."""
TRUNK, QUERY = "blocks.0.", "proj_query."
"""Tensors whose types are those of a network's stream, and of the temporal autoencoder's queries."""


@dataclass(frozen=True)
class Needs:
    """The sizes that determine how much memory a checkpoint takes.

    Args:
        weights: bytes of each part on its device. A denoiser is loaded in one form at a time, counted as the exact one.
        items: bytes per number in each part; for the temporal autoencoder, in its trunk.
        query_item: bytes per number in the temporal autoencoder's query side.
        encoder_width: of the image encoder.
        image_tokens: S, tokens of a picture.
        surface_points: P, the number that the VAE encodes.
        others: the networks' sizes.
    """

    weights: Mapping[str, int]
    items: Mapping[str, int]
    query_item: int
    encoder_width: int
    image_tokens: int
    surface_points: int
    image_to_3d: ImageTo3DConfig
    shape_vae: ShapeVAEConfig
    temporal_denoiser: TemporalDenoiserConfig
    temporal_autoencoder: TemporalAutoencoderConfig

    def bytes_of(self, plan: MemoryPlan) -> int:
        """Return the most device memory that a job takes at any time."""
        active = self.activations(plan)
        if plan.resident:
            return sum(self.weights.values()) + max(active.values())
        return max(self.weights[part] + active[part] for part in active)

    def activations(self, plan: MemoryPlan) -> dict[str, int]:
        """Return the largest number of bytes, in addition to the weights, while each part computes."""
        window = self.temporal_denoiser.temporal_context_size
        tokens = self.temporal_denoiser.num_tokens_nominal
        numbers = {
            "image_encoder": self.encoder_width * _block(PICTURES * self.image_tokens, plan),
            "image_to_3d": self._denoiser(self.image_to_3d, 1, tokens, plan),
            "shape_vae": self._shape_vae(tokens, plan),
            "temporal_denoiser": self._denoiser(self.temporal_denoiser, window, tokens, plan),
        }
        decoding = self._temporal_autoencoder(window * (tokens + 1), plan)
        return {part: self.items[part] * count for part, count in numbers.items()} | {"temporal_autoencoder": decoding}

    def _temporal_autoencoder(self, tokens: int, plan: MemoryPlan) -> int:
        """Return the bytes of its trunk or of its query side, whichever is larger."""
        trunk, queries = _trunk(tokens, plan), _queries(tokens, plan)
        return self.temporal_autoencoder.width * max(
            self.items["temporal_autoencoder"] * trunk, self.query_item * queries
        )

    def _denoiser(
        self, sizes: ImageTo3DConfig | TemporalDenoiserConfig, frames: int, tokens: int, plan: MemoryPlan
    ) -> int:
        """Count the numbers of a denoising step over `frames` frames, and the keys and values of their pictures.

        Only one branch of guidance has the latter.
        """
        branches = 2 if plan.guidance_batch else 1
        skips = 0 if plan.execution.host_skips else sizes.num_layers // 2
        block = _block(branches * frames * (tokens + 1), plan, skips, sizes.mlp_ratio)
        kept = sizes.num_layers if plan.execution.keep_context else 1
        return sizes.width * (block + 2 * kept * frames * self.image_tokens)

    def _shape_vae(self, tokens: int, plan: MemoryPlan) -> int:
        """Count the numbers of its larger half: the encoder's keys and values of all points, or the decoder."""
        points = self.shape_vae.width_encoder * (3 * self.surface_points + _block(tokens, plan))
        return max(points, self.shape_vae.width_decoder * max(_trunk(tokens, plan), _queries(tokens, plan)))


def _block(tokens: int, plan: MemoryPlan, skips: int = 0, ratio: float = FEED_FORWARD_RATIO) -> int:
    """Count the widths of one token that live at once in a block over `tokens` tokens."""
    rows = min(tokens, plan.execution.feed_forward_rows or tokens)
    feed_forward = tokens + int(2 * ratio * rows)
    return (STREAM_WIDTHS + skips) * tokens + max(ATTENTION_WIDTHS * tokens, feed_forward)


def _trunk(tokens: int, plan: MemoryPlan) -> int:
    """Count the widths of one token in a decoder's self-attention over all tokens."""
    return _block(tokens, plan)


def _queries(tokens: int, plan: MemoryPlan) -> int:
    """Count the widths of one token in a decoder's cross block: a chunk of queries with their keys and values."""
    return 2 * tokens + _block(plan.query_rows, plan)


def needs_of(checkpoint: Checkpoint, dtype: torch.dtype) -> Needs:
    """Read a checkpoint's sizes from its files, for a device that computes in `dtype`.

    Raises:
        CheckpointError: a file is missing or damaged.
    """
    folders = {part: getattr(checkpoint, part) for part in PARTS}
    autoencoder = TemporalAutoencoderConfig.load(folders["temporal_autoencoder"] / "config.json")
    types = {part: types_of(part, dtype, autoencoder) for part in PARTS}
    encoder = image_encoder_sizes(folders["image_encoder"] / "config.json")
    height, width = ImagePreprocessing.load(checkpoint.image_preprocessing).crop_size
    patch = encoder.patch_size
    return Needs(
        weights={
            part: _weights(folder / PARTS[part].weights, PARTS[part].rename, types[part])
            for part, folder in folders.items()
        },
        items={part: types[part](TRUNK).itemsize for part in PARTS},
        query_item=types["temporal_autoencoder"](QUERY).itemsize,
        encoder_width=encoder.hidden_size,
        image_tokens=(height // patch) * (width // patch) + 1,
        surface_points=checkpoint.settings.surface_points,
        image_to_3d=ImageTo3DConfig.load(folders["image_to_3d"] / "config.json"),
        shape_vae=ShapeVAEConfig.load(folders["shape_vae"] / "config.json"),
        temporal_denoiser=TemporalDenoiserConfig.load(folders["temporal_denoiser"] / "config.json"),
        temporal_autoencoder=autoencoder,
    )


def _weights(path: Path, rename: Callable[[str], str], type_of: TypeOf) -> int:
    """Return the bytes of a file's tensors after casting."""
    return sum(type_of(name).itemsize * entry.numel for name, entry in read_entries(path, rename).items())
