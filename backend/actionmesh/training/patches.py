"""A second task for the image encoder: predict what every patch of a picture shows.

A small encoder learns many times faster from where the visible surface is than from flow matching alone.

Every patch that shows the toy regresses means over the tracked points that it shows: their position (a pointmap, Wang
et al. 2024, in model space), their normal, their position in the sequence's first frame, and their offset in the patch.
Every patch also predicts whether it shows the toy at all. The layer that reads this from the encoder's tokens is
dropped after training.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..media.preprocess import MARGIN
from ..media.render import Camera

CHANNELS = 11
WEIGHTS = torch.tensor([4.0] * 3 + [0.18] * 3 + [2.0] * 3 + [1.0] * 2)
"""Weights of the squared errors: position now, normal, position in the first frame, offset in the patch."""
OCCLUSION_CELLS, THICKNESS = 24, 0.12
"""Cells along a picture's side. A point is hidden if another in its cell is nearer by THICKNESS model units."""
ENOUGH = 8.0
"""Points from which a patch's mean has its full weight."""


@dataclass(frozen=True)
class Views:
    """How each of n sequences was seen.

    Args:
        axes: (n, 3, 3) axes of the cameras: right, up, back.
        distances: (n) distances of the eyes; infinite when orthographic.
        centres, sides: (n, 2) and (n) of the square that the picture shows, in the camera's plane.
    """

    axes: Tensor
    distances: Tensor
    centres: Tensor
    sides: Tensor

    @classmethod
    def of(cls, cameras: Sequence[Camera], points: Tensor) -> "Views":
        """Return the views of points (n, T, P, 3), each square around their projections.

        The pictures themselves are cropped to the covered pixels, which is nearly the same square.
        """
        axes = torch.stack([torch.from_numpy(camera.axes).float() for camera in cameras])
        distances = torch.tensor([camera.distance for camera in cameras], dtype=torch.float32)
        corners = []
        for one, distance, sequence in zip(axes, distances, points, strict=True):
            plane, _ = project(sequence.float().flatten(0, 1)[None], one[None], distance[None])
            corners.append(torch.stack([plane[0].amin(dim=0), plane[0].amax(dim=0)]))
        low, high = torch.stack(corners).unbind(dim=1)
        return cls(axes, distances, (low + high) / 2, (high - low).amax(dim=-1) * (1 + 2 * MARGIN))

    def look(self, rows: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Project points (B, P, 3) of sequences `rows` (B) into their pictures.

        Returns:
            Positions in the picture (B, P, 2), 0 to 1 right and down; nearness (B, P).
        """
        plane, nearness = project(points, self.axes[rows], self.distances[rows])
        return (plane - self.centres[rows, None]) / self.sides[rows, None, None] + 0.5, nearness


@dataclass(frozen=True)
class Patches:
    """What the S patches of B pictures show.

    Args:
        means: (B, S, CHANNELS) means over the points that a patch shows.
        counts: (B, S) number of these points.
        weights: (B, S) weights of a patch's errors, with a mean of 1 over all B pictures; 0 where it shows nothing.
    """

    means: Tensor
    counts: Tensor
    weights: Tensor

    def by_window(self, frames: int) -> "Patches":
        """Return the same patches with the first axis (B T) split into (B, T)."""
        cut = (-1, frames)
        return Patches(self.means.unflatten(0, cut), self.counts.unflatten(0, cut), self.weights.unflatten(0, cut))


def project(points: Tensor, axes: Tensor, distances: Tensor) -> tuple[Tensor, Tensor]:
    """Project points (B, P, 3) onto the camera's plane through the origin.

    Returns:
        (B, P, 2) right and down in the plane, and (B, P) towards the camera.
    """
    right, up, back = torch.einsum("bpx,bkx->bpk", points, axes).unbind(dim=-1)
    away = distances[:, None].expand_as(back)
    scale = torch.where(away.isinf(), 1.0, 1 / (1 - back / away))
    return torch.stack([right * scale, -up * scale], dim=-1), back


@torch.no_grad()
def patches_shown(views: Views, rows: Tensor, points: Tensor, normals: Tensor, first: Tensor, grid: int) -> Patches:
    """Return what the grid x grid patches of B pictures show.

    Args:
        rows: (B) sequences.
        points, normals: (B, P, 3) of the tracked points in the pictures' frames.
        first: (B, P, 3) the same points in the first frame.
    """
    places, nearness = views.look(rows, points)
    facing = torch.einsum("bpx,bx->bp", normals, views.axes[rows, 2]) > 0.05
    cell = _cells(places, OCCLUSION_CELLS)
    nearest = torch.full((len(rows), OCCLUSION_CELLS**2), -9.0)
    nearest.scatter_reduce_(1, cell, nearness.where(facing, -9.0), "amax")
    visible = facing & (nearness > nearest.gather(1, cell) - THICKNESS)
    patch = _cells(places, grid)
    offset = places * grid - (places * grid).floor() - 0.5
    shown = torch.cat([points, normals, first, offset], dim=-1) * visible[..., None]
    sums = torch.zeros(len(rows), grid**2, CHANNELS).scatter_add_(1, patch[..., None].expand_as(shown), shown)
    counts = torch.zeros(len(rows), grid**2).scatter_add_(1, patch, visible.float())
    weights = (counts / ENOUGH).clamp(max=1)
    return Patches(sums / counts.clamp(min=1)[..., None], counts, weights / weights.mean().clamp(min=1e-6))


def _cells(places: Tensor, grid: int) -> Tensor:
    column, row = (places * grid).long().clamp(0, grid - 1).unbind(dim=-1)
    return row * grid + column


class PatchReader(nn.Module):
    """A linear layer that predicts from image tokens what their patches show."""

    def __init__(self, width: int):
        super().__init__()
        self.proj = nn.Linear(width, CHANNELS + 1)

    def loss(self, tokens: Tensor, patches: Patches) -> Tensor:
        """Return the weighted squared errors plus the cross-entropy of showing the toy, a mean over the pictures.

        tokens (..., 1 + S, D), the class token first, belong to the pictures (...) of `patches`.
        """
        read = self.proj(tokens[..., 1:, :]).float()
        errors = (read[..., :CHANNELS] - patches.means).square() * patches.weights[..., None]
        covered = F.binary_cross_entropy_with_logits(read[..., CHANNELS], (patches.counts > 0).float())
        return (errors * WEIGHTS.to(errors)).sum(dim=-1).mean() + 0.2 * covered
