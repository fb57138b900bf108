"""Losses of the shape VAE, of both denoisers (flow matching) and of the temporal autoencoder.

Everywhere x_s = (1 - s) x0 + s noise, and the velocity is x0 - noise (Lipman et al. 2023, with the sign of the public
weights). Nothing here is random: `draws.py` draws the noise. Every loss is a mean over the batch's rows, so the loss of
a batch is the mean of the losses of its equal slices.
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
"""Variances of normalised latents over a window's frames: one with a weight of about 1, and the floor added to all."""
LEAST_MOTION = 6e-4
"""Mean squared displacement of a coordinate between two frames, in model units, that counts as motion."""


@dataclass(frozen=True)
class Surfaces:
    """B shapes: surface (B, P, 6) points and normals, token_indices (B, N), points (B, Q, 3) and distances (B, Q).

    Distances are negative inside.
    """

    surface: Tensor
    token_indices: Tensor
    points: Tensor
    distances: Tensor


@dataclass(frozen=True)
class FlowNoise:
    """The random draws of flow matching for B samples.

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
    """The known frames of B windows.

    Args:
        frames: (B, T) with 1 where a frame is known.
        weights: (B, T) of the frames' errors: 0 for known frames, with a mean of 1 over the batch.
    """

    frames: Tensor
    weights: Tensor


def vae_loss(vae: ShapeVAE, batch: Surfaces, noise: Tensor, kl_weight: float) -> dict[str, Tensor]:
    """Return the MSE of the truncated signed distance and the KL divergence of the posterior.

    The distance is positive inside and scaled to [-1, 1]. noise (B, N, D) draws a sample from the posterior.
    """
    posterior = vae.encode(batch.surface, batch.token_indices)
    field = vae.query(batch.points, vae.prepare(posterior.at(noise))).squeeze(-1).float()
    target = (-batch.distances / TRUNCATION).clamp(-1, 1)
    distance, kl = F.mse_loss(field, target), posterior.kl().float()
    wrong_side = ((field > 0) != (target > 0)).float().mean()
    return {"loss": distance + kl_weight * kl, "distance": distance, "kl": kl, "wrong_side": wrong_side}


def image_to_3d_loss(
    denoiser: ImageTo3DDenoiser, latents: Tensor, context: Tensor, flow: FlowNoise
) -> dict[str, Tensor]:
    """Return the flow matching loss of clean latents (B, N, D) given image tokens (B, S, C).

    The tokens are set to zero where the condition is dropped.
    """
    noisy = torch.lerp(latents, flow.noise, flow.sigma[:, None, None])
    context = context * flow.kept[:, None, None]
    velocity = denoiser(noisy, 1000 * flow.sigma, denoiser.prepare(context))
    return {"loss": F.mse_loss(velocity.float(), latents - flow.noise)}


def motion_weights(latents: Tensor) -> Tensor:
    """Return weights (B) of windows of latents (B, T, N, D), so that small motions count as much as large ones."""
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
    """Return the flow matching loss over T frames.

    Known frames stay clean, at time 0, and are left out of the loss (masked generation). latents (B, T, N, D), context
    (B, T, S, C), frame_times (B, T). With `relative`, windows are weighted by `motion_weights`.
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
    """Return the MSE of the decoded positions ("squared") and of the source's own positions ("still"), both times 100.

    latents (B, T, N, D), frame_times (B, T), source (B) and targets (B, M) frame indices, tracks (B, T, V, 6). "loss"
    is "squared"; with `relative` it is the mean over windows of the ratio of the two, with LEAST_MOTION added to
    "still".
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
