"""The straightforward version of the same networks: nothing is computed ahead, nothing is kept, the whole grid is queried.

`plain()` replaces, while it lasts, what the product does by what a first implementation would do. The animation that comes out
is the same; the benchmark checks its vertex count and boxes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

import numpy as np
import torch
from skimage.measure import marching_cubes
from torch import Tensor

from actionmesh.models.denoiser import ImageTo3DDenoiser, TemporalDenoiser
from actionmesh.models.temporal_autoencoder import TemporalAutoencoder
from actionmesh.progress import Progress


@dataclass(frozen=True)
class Raw:
    """A denoiser's context as it came, to be projected anew in every step."""

    arguments: tuple

    def unconditional(self) -> "Raw":
        return Raw((torch.zeros_like(self.arguments[0]), *self.arguments[1:]))


@contextmanager
def plain() -> Iterator[None]:
    """Replaces caching in the denoisers and in Stage II, and coarse-to-fine extraction."""
    with (
        uncached(ImageTo3DDenoiser),
        uncached(TemporalDenoiser),
        patch.object(TemporalAutoencoder, "shares_targets", False),
        patch("actionmesh.stages.reference.extract_surface", dense_surface),
    ):
        yield


@contextmanager
def uncached(network: type) -> Iterator[None]:
    """Projects the context and makes the RoPE table in every call of `network`."""
    prepare, forward = network.prepare, network.forward

    def forward_raw(self, latents, time, raw, *rest):
        return forward(self, latents, time, prepare(self, *raw.arguments), *rest)

    with patch.object(network, "prepare", lambda self, *arguments: Raw(arguments)), patch.object(network, "forward", forward_raw):
        yield


def dense_surface(
    field, resolution: int, progress: Progress, bound: float = 1.005, chunk: int = 65_536
) -> tuple[np.ndarray, np.ndarray]:
    """Marching cubes over every node of the grid."""
    axis = torch.linspace(-bound, bound, resolution + 1)
    nodes = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1).reshape(-1, 3)
    values: list[Tensor] = [field(part).cpu() for part in progress.track(nodes.split(chunk), "Extracting the surface")]
    grid = torch.cat(values).reshape((resolution + 1,) * 3).numpy()
    vertices, faces, _, _ = marching_cubes(-grid, 0.0)
    return (vertices * (2 * bound / resolution) - bound).astype(np.float32), faces[:, ::-1].astype(np.int32)
