"""The objectives: the shape VAE's, flow matching for both denoisers, and the temporal autoencoder's.

Everywhere x_s = (1 - s) x0 + s noise, and the velocity is x0 - noise (Lipman et al. 2023, in the sign of the public weights).
Nothing random happens here (`draws.py` has drawn it all), and every loss is a mean over the batch's rows: that of a batch is the
mean of its slices'.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ..models.denoiser import ImageTo3DDenoiser, TemporalDenoiser
from ..models.shape_vae import ShapeVAE
from ..models.temporal_autoencoder import TemporalAutoencoder

TRUNCATION = 0.06
USUAL_CHANGE, LEAST_CHANGE = 0.1, 0.03
"""Variance of normalised latents over a window's frames: where `motion_weights` is about 1, and what it never goes below."""
LEAST_MOTION = 6e-4
"""Mean square of the coordinates' way between two frames, in model units, that counts as motion."""


@dataclass(frozen=True)
class Surfaces:
    """B shapes: surface (B, P, 6) points and normals, token_indices (B, N), points (B, Q, 3), distances (B, Q) negative inside."""

    surface: Tensor
    token_indices: Tensor
    points: Tensor
    distances: Tensor


@dataclass(frozen=True)
class FlowNoise:
    """What flow matching draws for B samples.

    Args:
        sigma: (B) noise levels.
        noise: (B, ...) of the latents' shape.
        kept: (B) 0 where the condition is dropped, else 1.
    """

    sigma: Tensor
    noise: Tensor
    kept: Tensor


@dataclass(frozen=True)
class Known:
    """Which frames of B windows are clean.

    Args:
        frames: (B, T) with 1 where a frame is known.
        weights: (B, T) of the other frames' errors: 0 where known, 1 in the mean over the whole batch.
    """

    frames: Tensor
    weights: Tensor


def vae_loss(vae: ShapeVAE, batch: Surfaces, noise: Tensor, kl_weight: float) -> dict[str, Tensor]:
    """Truncated signed distance (positive inside, scaled to [-1, 1]) by MSE, and the KL divergence of the posterior.

    noise (B, N, D) makes a sample of the posterior.
    """
    posterior = vae.encode(batch.surface, batch.token_indices)
    field = vae.query(batch.points, vae.prepare(posterior.at(noise))).squeeze(-1).float()
    target = (-batch.distances / TRUNCATION).clamp(-1, 1)
    distance, kl = F.mse_loss(field, target), posterior.kl().float()
    wrong_side = ((field > 0) != (target > 0)).float().mean()
    return {"loss": distance + kl_weight * kl, "distance": distance, "kl": kl, "wrong_side": wrong_side}


def image_to_3d_loss(denoiser: ImageTo3DDenoiser, latents: Tensor, context: Tensor, flow: FlowNoise) -> dict[str, Tensor]:
    """Flow matching of clean latents (B, N, D) given image tokens (B, S, C), zero where the condition is dropped."""
    noisy = torch.lerp(latents, flow.noise, flow.sigma[:, None, None])
    context = context * flow.kept[:, None, None]
    velocity = denoiser(noisy, 1000 * flow.sigma, denoiser.prepare(context))
    return {"loss": F.mse_loss(velocity.float(), latents - flow.noise)}


def motion_weights(latents: Tensor) -> Tensor:
    """(B) weights of windows of latents (B, T, N, D) that make errors of little motion count as much as errors of great."""
    change = latents.var(dim=1).mean(dim=(1, 2))
    return USUAL_CHANGE / (change + LEAST_CHANGE)


def temporal_loss(
    denoiser: TemporalDenoiser,
    latents: Tensor,
    context: Tensor,
    frame_times: Tensor,
    known: Known,
    flow: FlowNoise,
    relative: bool = False,
) -> dict[str, Tensor]:
    """Flow matching over T frames with known frames kept clean, at time 0, and out of the loss (masked generation).

    latents (B, T, N, D), context (B, T, S, C), frame_times (B, T). With `relative` windows have `motion_weights`.
    """
    unknown = (1 - known.frames)[..., None, None]
    noisy = torch.lerp(latents, flow.noise, flow.sigma[:, None, None, None] * unknown)
    context = context * flow.kept[:, None, None, None]
    cache = denoiser.prepare(context, frame_times, latents.shape[2])
    velocity = denoiser(noisy, 1000 * flow.sigma, cache, known.frames, frame_times)
    error = (velocity.float() - (latents - flow.noise)).square()
    weights = known.weights * motion_weights(latents)[:, None] if relative else known.weights
    return {"loss": (error * weights[..., None, None]).mean()}


def autoencoder_loss(
    autoencoder: TemporalAutoencoder,
    latents: Tensor,
    frame_times: Tensor,
    source: Tensor,
    targets: Tensor,
    tracks: Tensor,
    relative: bool = False,
) -> dict[str, Tensor]:
    """MSE between decoded and true positions ("squared") and between still and true ones ("still"), both times 100.

    latents (B, T, N, D), frame_times (B, T), source (B) and targets (B, M) frame indices, tracks (B, T, V, 6). "loss" is
    "squared"; with `relative` it is the mean, over the windows, of the ratio of the two, with a floor under "still".
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
    error, motion = (torch.stack(each).mean(dim=(0, 2, 3)) for each in (squared, still))
    loss = (error / (motion + LEAST_MOTION)).mean() if relative else 100 * error.mean()
    return {"loss": loss, "squared": 100 * error.mean(), "still": 100 * motion.mean()}
