"""The objectives: the shape VAE's, flow matching for both denoisers, and the temporal autoencoder's.

Everywhere x_s = (1 - s) x0 + s noise, and the velocity is x0 - noise (Lipman et al. 2023, in the sign of the public weights).
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ..models.denoiser import ImageTo3DDenoiser, TemporalDenoiser
from ..models.shape_vae import ShapeVAE
from ..models.temporal_autoencoder import TemporalAutoencoder

TRUNCATION = 0.06


@dataclass(frozen=True)
class Surfaces:
    """B shapes: surface (B, P, 6) points and normals, token_indices (B, N), points (B, Q, 3), distances (B, Q) negative inside."""

    surface: Tensor
    token_indices: Tensor
    points: Tensor
    distances: Tensor


def vae_loss(vae: ShapeVAE, batch: Surfaces, kl_weight: float, generator: torch.Generator) -> dict[str, Tensor]:
    """Truncated signed distance (positive inside, scaled to [-1, 1]) by MSE, and the KL divergence of the posterior."""
    posterior = vae.encode(batch.surface, batch.token_indices)
    field = vae.query(batch.points, vae.prepare(posterior.sample(generator))).squeeze(-1).float()
    target = (-batch.distances / TRUNCATION).clamp(-1, 1)
    distance, kl = F.mse_loss(field, target), posterior.kl().float()
    wrong_side = ((field > 0) != (target > 0)).float().mean()
    return {"loss": distance + kl_weight * kl, "distance": distance, "kl": kl, "wrong_side": wrong_side}


def draw_sigmas(count: int, generator: torch.Generator, pure_noise: float) -> Tensor:
    """(count) noise levels: a share `pure_noise` is 1, where sampling in few steps begins; of the rest five eighths are
    logit-normal (Esser et al. 2024) and three eighths uniform."""
    logit_normal = torch.sigmoid(torch.randn(count, generator=generator))
    uniform = torch.rand(count, generator=generator)
    spread = torch.where(torch.rand(count, generator=generator) < 0.625, logit_normal, uniform)
    return torch.where(torch.rand(count, generator=generator) < pure_noise, torch.ones(count), spread)


def image_to_3d_loss(
    denoiser: ImageTo3DDenoiser,
    latents: Tensor,
    context: Tensor,
    generator: torch.Generator,
    pure_noise: float = 0.2,
    dropout: float = 0.1,
) -> dict[str, Tensor]:
    """Flow matching of clean latents (B, N, D) given image tokens (B, S, C), zero for a share `dropout` of the samples."""
    batch = len(latents)
    sigma = draw_sigmas(batch, generator, pure_noise)
    noise = torch.randn(latents.shape, generator=generator)
    noisy = torch.lerp(latents, noise, sigma[:, None, None])
    context = context * (torch.rand(batch, generator=generator) >= dropout)[:, None, None]
    velocity = denoiser(noisy, 1000 * sigma, denoiser.prepare(context))
    return {"loss": F.mse_loss(velocity.float(), latents - noise)}


def temporal_loss(
    denoiser: TemporalDenoiser,
    latents: Tensor,
    context: Tensor,
    frame_times: Tensor,
    known: Tensor,
    generator: torch.Generator,
    pure_noise: float = 0.2,
    dropout: float = 0.1,
) -> dict[str, Tensor]:
    """Flow matching over T frames with known frames kept clean, at time 0, and out of the loss (masked generation).

    latents (B, T, N, D), context (B, T, S, C), frame_times (B, T), known (B, T) with 1 where a frame is known.
    """
    batch = len(latents)
    sigma = draw_sigmas(batch, generator, pure_noise)
    noise = torch.randn(latents.shape, generator=generator)
    unknown = (1 - known)[..., None, None]
    noisy = torch.lerp(latents, noise, sigma[:, None, None, None] * unknown)
    context = context * (torch.rand(batch, generator=generator) >= dropout)[:, None, None, None]
    cache = denoiser.prepare(context, frame_times, latents.shape[2])
    velocity = denoiser(noisy, 1000 * sigma, cache, known, frame_times)
    error = (velocity.float() - (latents - noise)).square() * unknown
    return {"loss": error.sum() / unknown.expand_as(error).sum()}


def autoencoder_loss(
    autoencoder: TemporalAutoencoder, latents: Tensor, frame_times: Tensor, source: Tensor, targets: Tensor, tracks: Tensor
) -> dict[str, Tensor]:
    """MSE between decoded and true positions, in units of the MSE of staying still on average.

    latents (B, T, N, D), frame_times (B, T), source (B) and targets (B, M) frame indices, tracks (B, T, V, 6).
    """
    rows = torch.arange(len(latents))
    alphas = (frame_times - frame_times[:, :1]) / (frame_times[:, -1:] - frame_times[:, :1])
    vertices, source_alpha = tracks[rows, source], alphas[rows, source]
    squared, still, context = [], [], None
    for target in targets.unbind(dim=1):
        target_alpha = alphas[rows, target]
        if context is None or not autoencoder.shares_targets:
            context = autoencoder.prepare_latents(latents, frame_times, source_alpha, target_alpha)
        field = autoencoder.field(vertices, context, source_alpha, target_alpha)
        placed = field + vertices[..., :3] if autoencoder.config.prediction_mode == "residual" else field
        squared.append((placed - tracks[rows, target, :, :3]).square())
        still.append((vertices[..., :3] - tracks[rows, target, :, :3]).square())
    loss = torch.stack(squared).mean()
    return {"loss": loss * 100, "of_still": (loss / torch.stack(still).mean()).sqrt()}
