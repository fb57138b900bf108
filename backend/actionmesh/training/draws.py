"""Draw everything random in a training step of each part, so that the losses are deterministic.

All of it is drawn on the CPU: the cost is small compared to the networks', and the noise is the same on every device.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ..sizes import Sizes
from .batches import Windows, draw_known
from .losses import FlowNoise, Known, Surfaces
from .patches import Patches
from .recipes import PartRecipe

if TYPE_CHECKING:
    from .sources import Source

Batch = TypeVar("Batch")
Draw = Callable[[torch.Generator], Batch]
"""A function that draws a part of a batch from a generator and nothing else."""

QUERIES = 512
TARGETS = 3
"""Target frames of Stage II in each window and step."""
LATENT_ERROR = 0.3
"""Largest deviation of the noise added to Stage II's latents, because those of Stage I are never exact."""


@dataclass(frozen=True)
class ShapeBatch:
    """B shapes, and the noise (B, N, D) that draws samples from their posteriors."""

    surfaces: Surfaces
    posterior: Tensor


@dataclass(frozen=True)
class EncodedWindows:
    """Windows whose shapes a frozen VAE has already encoded; the rest is as in `Windows`.

    Args:
        mean, deviation: (B, T, N, D) of the posteriors, not normalised.
    """

    mean: Tensor
    deviation: Tensor
    frame_times: Tensor
    rows: Tensor
    pictures: Tensor


@dataclass(frozen=True)
class Seen:
    """B windows of T frames, and what their patches show (B, T, ...), or None if the image encoder does not learn."""

    windows: Windows | EncodedWindows
    patches: Patches | None


@dataclass(frozen=True)
class FlowBatch:
    """Windows for a denoiser: frames, noise (B, T, N, D) for samples of the posteriors, known frames, flow noise."""

    seen: Seen
    posterior: Tensor
    known: Known
    flow: FlowNoise


@dataclass(frozen=True)
class MotionBatch:
    """B windows of T frames for Stage II.

    Args:
        posterior: (B, T, N, D) noise that draws samples from the posteriors.
        source, targets: (B) and (B, M) frames.
        error: (B, T, N, D) added to the latents.
        start: (B, T, N, D) the noise from which Stage I generates latents.
    """

    windows: Windows
    posterior: Tensor
    source: Tensor
    targets: Tensor
    error: Tensor
    start: Tensor


def shape_draw(source: "Source", recipe: PartRecipe, sizes: Sizes) -> Draw[ShapeBatch]:
    """Return a draw of shapes for the VAE."""

    def draw(generator: torch.Generator) -> ShapeBatch:
        surfaces = source.shapes(recipe.rows, sizes.points, sizes.tokens, QUERIES, generator)
        return ShapeBatch(surfaces, torch.randn(recipe.rows, sizes.tokens, sizes.latent, generator=generator))

    return draw


def seen_draw(source: "Source", recipe: PartRecipe, sizes: Sizes) -> Draw[Seen]:
    """Return a draw of windows whose shapes are not encoded yet."""

    def draw(generator: torch.Generator) -> Seen:
        batch = source.windows(recipe.rows, recipe.frames, sizes.points, sizes.tokens, generator)
        patches = source.patches_of(batch, sizes.grid).by_window(recipe.frames) if recipe.learn_encoder else None
        return Seen(batch, patches)

    return draw


def flow_draw(see: Draw[Seen], recipe: PartRecipe, sizes: Sizes) -> Draw[FlowBatch]:
    """Return a draw of windows for a denoiser, with the noise of flow matching."""
    shape = (recipe.rows, recipe.frames, sizes.tokens, sizes.latent)

    def draw(generator: torch.Generator) -> FlowBatch:
        return FlowBatch(
            seen=see(generator),
            posterior=torch.randn(shape, generator=generator),
            known=known_frames(recipe.rows, recipe.frames, generator),
            flow=FlowNoise(
                sigma=draw_sigmas(recipe.rows, generator, recipe.pure_noise, recipe.uniform),
                noise=torch.randn(shape, generator=generator),
                kept=(torch.rand(recipe.rows, generator=generator) >= recipe.dropout).float(),
            ),
        )

    return draw


def motion_draw(source: "Source", recipe: PartRecipe, sizes: Sizes) -> Draw[MotionBatch]:
    """Return a draw of windows for Stage II, with noise up to LATENT_ERROR on all latents but the source frame's."""
    shape = (recipe.rows, recipe.frames, sizes.tokens, sizes.latent)

    def draw(generator: torch.Generator) -> MotionBatch:
        batch = source.windows(recipe.rows, recipe.frames, sizes.points, sizes.tokens, generator)
        at = torch.randint(recipe.frames, (recipe.rows,), generator=generator)
        size = LATENT_ERROR * torch.rand(recipe.rows, 1, 1, 1, generator=generator)
        elsewhere = 1 - one_hot(at, recipe.frames)[..., None, None]
        return MotionBatch(
            windows=batch,
            posterior=torch.randn(shape, generator=generator),
            source=at,
            targets=torch.randint(recipe.frames, (recipe.rows, TARGETS), generator=generator),
            error=size * torch.randn(shape, generator=generator) * elsewhere,
            start=torch.randn(shape, generator=generator),
        )

    return draw


def draw_sigmas(count: int, generator: torch.Generator, pure_noise: float, uniform: float = 0.375) -> Tensor:
    """Draw noise levels (count).

    A share `pure_noise` of them is 1, where sampling in few steps begins. Of the rest, a share `uniform` is uniform in
    [0, 1] and the others are logit-normal (Esser et al. 2024).
    """
    logit_normal = torch.sigmoid(torch.randn(count, generator=generator))
    anywhere = torch.rand(count, generator=generator)
    spread = torch.where(torch.rand(count, generator=generator) < uniform, anywhere, logit_normal)
    return torch.where(torch.rand(count, generator=generator) < pure_noise, torch.ones(count), spread)


def known_frames(batch: int, frames: int, generator: torch.Generator) -> Known:
    """Draw the known frames of B windows of T frames, and the weights of the others."""
    known = draw_known(batch, frames, generator)
    unknown = 1 - known
    return Known(known, unknown / unknown.mean())
