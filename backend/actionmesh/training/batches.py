"""Draw what each network sees in one training step from stored toys."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ..geometry.surface import farthest_points_batch
from ..models.image_preprocessing import ImagePreprocessing
from ..models.shape_vae import ShapeVAE
from ..toys.queries import queries
from .data import FRAMES, ToyData
from .losses import Surfaces
from .patches import Patches, patches_shown

IMAGE_MEAN, IMAGE_STD = torch.tensor(ImagePreprocessing.image_mean), torch.tensor(ImagePreprocessing.image_std)


class ShownFrames(Protocol):
    """B windows of T frames: `rows` (B) are their sequences, `frame_times` (B, T) the frames of these."""

    @property
    def rows(self) -> Tensor: ...

    @property
    def frame_times(self) -> Tensor: ...


@dataclass(frozen=True)
class Windows:
    """B windows of T frames.

    Args:
        tracks: (B, T, P, 6) points and normals.
        vertices: (B, T, V, 6) vertices of a mesh, with normals: the queries of the temporal autoencoder.
        token_indices: (B, N) the canonical points that are tokens in every frame of a window.
        frame_times: (B, T) in frames, rising.
        pictures: (B, T, 3, h, w) normalised; empty if the data has none.
        rows: (B) the sequences that the windows come from.
    """

    tracks: Tensor
    vertices: Tensor
    token_indices: Tensor
    frame_times: Tensor
    pictures: Tensor
    rows: Tensor


def shapes(
    data: ToyData, batch: int, points: int, tokens: int, query_count: int, generator: torch.Generator
) -> Surfaces:
    """Draw random shapes for the VAE, whose tokens are chosen on another frame of their sequence."""
    rows = torch.randint(len(data), (batch,), generator=generator)
    frames = torch.randint(FRAMES, (batch,), generator=generator)
    chosen = torch.randperm(data.points.shape[2], generator=generator)[:points]
    surface = _joined(data.points, data.normals, (rows, frames), chosen)
    elsewhere = torch.randint(FRAMES, (batch,), generator=generator)
    token_indices = choose_tokens(data.points[rows, elsewhere][:, chosen].float(), tokens, generator)
    query_points, distances = queries(data.bodies[rows * FRAMES + frames], surface[..., :3], query_count, generator)
    return Surfaces(surface, token_indices, query_points, distances)


def windows(data: ToyData, batch: int, frames: int, points: int, tokens: int, generator: torch.Generator) -> Windows:
    """Draw random windows: `frames` frames of a sequence in order, rarely consecutive."""
    rows = torch.randint(len(data), (batch,), generator=generator)
    order = torch.rand(batch, FRAMES, generator=generator).argsort(dim=1)[:, :frames].sort(dim=1).values
    chosen = torch.randperm(data.points.shape[2], generator=generator)[:points]
    picked = (rows[:, None], order)
    tracks = _joined(data.points, data.normals, picked, chosen)
    vertices = _joined(data.vertices, data.vertex_normals, picked, slice(None))
    canonical = torch.randint(frames, (batch,), generator=generator)
    token_indices = choose_tokens(tracks[torch.arange(batch), canonical, :, :3], tokens, generator)
    pictures = torch.empty(0) if data.pictures is None else normalised(data.pictures[picked])
    return Windows(tracks, vertices, token_indices, order.float(), pictures, rows)


def patches_of(data: ToyData, batch: ShownFrames, grid: int) -> Patches:
    """Return what the grid x grid patches of a batch's pictures show, window by window."""
    assert data.views is not None
    rows, frames = batch.rows.repeat_interleave(batch.frame_times.shape[1]), batch.frame_times.long().flatten()
    points, normals = data.points[rows, frames].float(), data.normals[rows, frames].float()
    return patches_shown(data.views, rows, points, normals, data.points[rows, 0].float(), grid)


def sequence(data: ToyData, row: int, points: int, generator: torch.Generator) -> Tensor:
    """Return random points and their normals (T, P, 6) in all frames of a sequence."""
    chosen = torch.randperm(data.points.shape[2], generator=generator)[:points]
    return _joined(data.points, data.normals, (torch.tensor(row),), chosen)


def pictures_of(data: ToyData, batch: ShownFrames) -> Tensor:
    """Return the normalised pictures (B, T, 3, h, w) of a batch's frames."""
    assert data.pictures is not None
    return normalised(data.pictures[batch.rows[:, None], batch.frame_times.long()])


def _joined(points: Tensor, normals: Tensor, frames: tuple[Tensor, ...], chosen: Tensor | slice) -> Tensor:
    """Return the chosen points and their normals in the chosen frames, (..., P, 6) float32."""
    return torch.cat([points[frames][..., chosen, :], normals[frames][..., chosen, :]], dim=-1).float()


def choose_tokens(points: Tensor, tokens: int, generator: torch.Generator) -> Tensor:
    """Return token indices (B, N) into points (B, P, 3) by farthest point sampling from a random subset."""
    seed = int(torch.randint(2**31, (1,), generator=generator))
    return farthest_points_batch(points, tokens, seed)


def normalised(pictures: Tensor) -> Tensor:
    """Normalise pictures (..., h, w, 3) uint8 by ImageNet's mean and deviation, as (..., 3, h, w) float32."""
    return ((pictures.float() / 255 - IMAGE_MEAN) / IMAGE_STD).movedim(-1, -3)


@torch.no_grad()
def encode_windows(vae: ShapeVAE, batch: Windows, mean: Tensor, std: Tensor, noise: Tensor) -> Tensor:
    """Encode every frame as normalised latents (B, T, N, D), with the same canonical tokens in all frames of a window.

    noise (B, T, N, D) draws the samples from the posteriors.
    """
    count, frames = batch.tracks.shape[:2]
    indices = batch.token_indices.repeat_interleave(frames, dim=0)
    latents = vae.encode(batch.tracks.flatten(0, 1), indices).at(noise.flatten(0, 1)).float()
    return ((latents - mean) / std).unflatten(0, (count, frames))


def draw_known(batch: int, frames: int, generator: torch.Generator) -> Tensor:
    """Return (B, T) with 1 at the known frames: mostly one, sometimes two or three, anywhere, but never all of them."""
    count = (
        1
        + (torch.rand(batch, generator=generator) < 0.3).long()
        + (torch.rand(batch, generator=generator) < 0.1).long()
    )
    rank = torch.rand(batch, frames, generator=generator).argsort(dim=1).argsort(dim=1)
    return (rank < count.clamp(max=frames - 1)[:, None]).float()
