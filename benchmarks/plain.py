"""A plain version of the same networks: nothing is computed ahead, nothing is cached, the whole grid is queried.

Inside `plain()`, the product's code is replaced by what a first implementation would do; networks must also be loaded
inside it. The resulting animation is the same: the benchmark of the bundled checkpoint checks its vertex count and
boxes, and a test checks its vertices.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from einops import rearrange
from skimage.measure import marching_cubes
from torch import Tensor

from actionmesh.models.attention import Attention, KeysValues
from actionmesh.models.decoder import LatentDecoder
from actionmesh.models.denoiser import Denoiser, ImageTo3DDenoiser, TemporalDenoiser
from actionmesh.models.shape_vae import ShapeVAE
from actionmesh.models.temporal_autoencoder import TemporalAutoencoder
from actionmesh.progress import Progress
from actionmesh.protocol import Stage


@contextmanager
def plain() -> Iterator[None]:
    """Replace fused projections, compiled blocks, CUDA graphs, caches and coarse-to-fine extraction."""
    with ExitStack() as stack:
        for prepared in (Denoiser, LatentDecoder, ShapeVAE):
            stack.enter_context(patch.object(prepared, "prepare_inference", lambda self, execution: None))
        for denoiser in (ImageTo3DDenoiser, TemporalDenoiser):
            stack.enter_context(uncached(denoiser))
        stack.enter_context(patch.object(Attention, "_project_self", project_self))
        stack.enter_context(patch.object(Attention, "project_context", project_context))
        stack.enter_context(patch.object(TemporalAutoencoder, "shares_targets", False))
        stack.enter_context(patch("actionmesh.stages.branches.Replayed", lambda function: function))
        stack.enter_context(patch("actionmesh.stages.reference.extract_surface", dense_surface))
        yield


@dataclass(frozen=True)
class Raw:
    """A denoiser's raw context, projected again in every step; the image tokens are the first argument."""

    arguments: tuple

    def unconditional(self) -> "Raw":
        return Raw((torch.zeros_like(self.arguments[0]), *self.arguments[1:]))

    def with_unconditional(self) -> "Raw":
        pairs = zip(self.arguments, self.unconditional().arguments, strict=True)
        return Raw(tuple(torch.cat(pair) if isinstance(pair[0], Tensor) else pair[0] for pair in pairs))


@contextmanager
def uncached(network: Any) -> Iterator[None]:
    """Project the context and make the RoPE table in every call of `network`, for the length of a `with` block."""
    prepare, forward = network.prepare, network.forward

    def forward_raw(self: Any, latents: Tensor, time: Tensor, raw: Raw, *rest: Any) -> Tensor:
        return forward(self, latents, time, prepare(self, *raw.arguments), *rest)

    with (
        patch.object(network, "prepare", lambda self, *arguments: Raw(arguments)),
        patch.object(network, "forward", forward_raw),
    ):
        yield


def project_self(attention: Attention, x: Tensor) -> Tensor:
    """Return queries, keys and values (3, B, L, H, d), each from a separate product."""
    fused = torch.cat([attention.to_q(x), attention.to_k(x), attention.to_v(x)], dim=-1)
    return rearrange(fused, "b l (h three d) -> three b l h d", three=3, h=attention.heads)


def project_context(attention: Attention, context: Tensor) -> KeysValues:
    """Return keys and values, each from a separate product."""
    normed = attention.norm_cross(context)
    fused = torch.cat([attention.to_k(normed), attention.to_v(normed)], dim=-1)
    keys, values = rearrange(fused, "b s (h two d) -> two b s h d", two=2, h=attention.heads)
    return KeysValues(attention.norm_k(keys), values)


def dense_surface(
    field: Callable[[Tensor], Tensor],
    resolution: int,
    bound: float = 1.005,
    coarse: int = 0,
    chunk: int = 65_536,
    progress: Progress | None = None,
    device: torch.device | str = "cpu",
) -> tuple[np.ndarray, np.ndarray]:
    """Extract a surface by marching cubes on the CPU over every node of the grid; `coarse` is ignored."""
    axis = torch.linspace(-bound, bound, resolution + 1)
    nodes = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1).reshape(-1, 3)
    parts = (progress or Progress()).track(nodes.split(chunk), Stage.SURFACE)
    values: list[Tensor] = [field(part.to(device)).cpu() for part in parts]
    grid = torch.cat(values).reshape((resolution + 1,) * 3).numpy()
    vertices, faces, _, _ = marching_cubes(grid, 0.0, gradient_direction="ascent")
    return (vertices * (2 * bound / resolution) - bound).astype(np.float32), faces.astype(np.int32)
