"""What one step of each part sees: everything random in it, drawn on the CPU, so that the losses are functions of it alone.

Noise is small beside the networks' work, and drawn on the CPU it is the same on every device.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from .batches import Windows, draw_known
from .losses import FlowNoise, Known, Surfaces
from .patches import Patches
from .recipes import PartRecipe, Sizes

if TYPE_CHECKING:
    from .sources import Source

Batch = TypeVar("Batch")
Draw = Callable[[torch.Generator], Batch]
"""Makes a part of a batch of nothing but a generator."""

QUERIES = 512
TARGETS = 3
"""Frames that Stage II places a step and window."""
LATENT_ERROR = 0.3
"""The largest deviation of the noise that Stage II's latents get, which Stage I's are never free of."""


@dataclass(frozen=True)
class ShapeBatch:
    """B shapes, and the noise (B, N, D) of their posteriors' samples."""

    surfaces: Surfaces
    posterior: Tensor


@dataclass(frozen=True)
class EncodedWindows:
    """Windows whose shapes a frozen VAE has encoded before; the rest is as in `Windows`.

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
    """B windows of T frames, and what their patches show, (B, T, ...); None where the image encoder does not learn."""

    windows: Windows | EncodedWindows
    patches: Patches | None


@dataclass(frozen=True)
class FlowBatch:
    """Windows for a denoiser: what they show, noise (B, T, N, D) of the posteriors' samples, clean frames, flow's noise."""

    seen: Seen
    posterior: Tensor
    known: Known
    flow: FlowNoise


@dataclass(frozen=True)
class MotionBatch:
    """B windows of T frames for Stage II.

    Args:
        posterior: (B, T, N, D) noise of the posteriors' samples.
        source, targets: (B) and (B, M) frames.
        error: (B, T, N, D) what is added to the latents.
        start: (B, T, N, D) the noise from which Stage I makes them.
    """

    windows: Windows
    posterior: Tensor
    source: Tensor
    targets: Tensor
    error: Tensor
    start: Tensor


def shape_draw(source: "Source", recipe: PartRecipe, sizes: Sizes) -> Draw[ShapeBatch]:
    """Shapes for the VAE."""

    def draw(generator: torch.Generator) -> ShapeBatch:
        surfaces = source.shapes(recipe.rows, sizes.points, sizes.tokens, QUERIES, generator)
        return ShapeBatch(surfaces, torch.randn(recipe.rows, sizes.tokens, sizes.latent, generator=generator))

    return draw


def seen_draw(source: "Source", recipe: PartRecipe, sizes: Sizes) -> Draw[Seen]:
    """Windows whose shapes are yet to be encoded."""

    def draw(generator: torch.Generator) -> Seen:
        batch = source.windows(recipe.rows, recipe.frames, sizes.points, sizes.tokens, generator)
        patches = source.patches_of(batch, sizes.grid).by_window(recipe.frames) if recipe.learn_encoder else None
        return Seen(batch, patches)

    return draw


def flow_draw(see: Draw[Seen], recipe: PartRecipe, sizes: Sizes) -> Draw[FlowBatch]:
    """Windows for a denoiser, with what flow matching draws."""
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
    """Windows for Stage II, with the latents' errors: noise up to LATENT_ERROR wherever the frame is not the source."""
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
    """(count) noise levels: a share `pure_noise` is 1, where sampling in few steps begins; of the rest a share `uniform` is
    uniform in [0, 1] and the others logit-normal (Esser et al. 2024)."""
    logit_normal = torch.sigmoid(torch.randn(count, generator=generator))
    anywhere = torch.rand(count, generator=generator)
    spread = torch.where(torch.rand(count, generator=generator) < uniform, anywhere, logit_normal)
    return torch.where(torch.rand(count, generator=generator) < pure_noise, torch.ones(count), spread)


def known_frames(batch: int, frames: int, generator: torch.Generator) -> Known:
    """Clean frames of B windows of T, and what the others weigh."""
    known = draw_known(batch, frames, generator)
    unknown = 1 - known
    return Known(known, unknown / unknown.mean())
