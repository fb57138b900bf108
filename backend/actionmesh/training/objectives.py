"""What each part minimises, as modules that hold its networks: a batch goes in, its losses come out.

With several processes, each gets a copy of the module, so one module holds everything that learns.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor, nn
from transformers import Dinov2Model

from ..models.denoiser import ImageTo3DDenoiser, TemporalDenoiser
from ..models.image_encoder import encode_images
from ..models.shape_vae import ShapeVAE
from ..models.temporal_autoencoder import TemporalAutoencoder
from .batches import Windows, encode_windows
from .draws import QUERIES, EncodedWindows, FlowBatch, MotionBatch, ShapeBatch
from .losses import autoencoder_loss, image_to_3d_loss, temporal_loss, vae_loss
from .patches import Patches, PatchReader

KL_WEIGHT = 1e-4
PATCH_WEIGHT = 0.3

Losses = dict[str, Tensor]


class Objective(nn.Module):
    """A module that returns the `Losses` of a batch, including "loss", each a mean over the rows."""

    def readable(self, means: dict[str, float]) -> dict[str, float]:
        """Return what the log shows of the losses' means."""
        return means


class ShapeObjective(Objective):
    """The objective of the shape VAE."""

    def __init__(self, vae: ShapeVAE):
        super().__init__()
        self.vae = vae

    def forward(self, batch: ShapeBatch) -> Losses:
        return vae_loss(self.vae, batch.surfaces, batch.posterior, KL_WEIGHT)


class FrozenVAE(nn.Module):
    """A finished VAE that encodes shapes as latents, normalised by the mean and deviation of each channel."""

    mean: Tensor
    std: Tensor

    def __init__(self, vae: ShapeVAE, mean: Tensor, std: Tensor):
        super().__init__()
        self.vae = vae.requires_grad_(False)
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)

    def forward(self, windows: Windows | EncodedWindows, noise: Tensor) -> Tensor:
        """Return a sample (B, T, N, D) of every frame's posterior, drawn with unit noise of that shape."""
        if isinstance(windows, EncodedWindows):
            return (windows.mean.float() + windows.deviation.float() * noise - self.mean) / self.std
        return encode_windows(self.vae, windows, self.mean, self.std, noise)


class ImageTo3DObjective(Objective):
    """Flow matching of single frames; with a reader, the image encoder learns too."""

    def __init__(
        self, denoiser: ImageTo3DDenoiser, encoder: Dinov2Model, reader: PatchReader | None, frozen: FrozenVAE
    ):
        super().__init__()
        self.frozen = frozen
        self.denoiser, self.encoder, self.reader = denoiser, encoder, reader

    def forward(self, batch: FlowBatch) -> Losses:
        windows = batch.seen.windows
        latents = self.frozen(windows, batch.posterior)[:, 0]
        context = encode_images(self.encoder, windows.pictures[:, 0])
        flow = replace(batch.flow, noise=batch.flow.noise[:, 0])
        losses = image_to_3d_loss(self.denoiser, latents, context, flow)
        return with_patches(losses, self.reader, context[:, None], batch.seen.patches)


class TemporalObjective(Objective):
    """Flow matching over windows; with a reader, the image encoder keeps learning."""

    def __init__(
        self,
        denoiser: TemporalDenoiser,
        encoder: Dinov2Model,
        reader: PatchReader | None,
        frozen: FrozenVAE,
        relative: bool = False,
    ):
        super().__init__()
        self.frozen = frozen
        self.denoiser, self.encoder, self.reader = denoiser, encoder, reader
        self.relative = relative

    def forward(self, batch: FlowBatch) -> Losses:
        windows = batch.seen.windows
        latents = self.frozen(windows, batch.posterior)
        context = encode_images(self.encoder, windows.pictures.flatten(0, 1)).unflatten(0, latents.shape[:2])
        times = windows.frame_times
        losses = temporal_loss(self.denoiser, latents, context, times, batch.known, batch.flow, self.relative)
        return with_patches(losses, self.reader, context, batch.seen.patches)


class MotionObjective(Objective):
    """Stage II from a source frame to some target frames, on true latents with some noise."""

    def __init__(self, autoencoder: TemporalAutoencoder, frozen: FrozenVAE, relative: bool = False):
        super().__init__()
        self.frozen = frozen
        self.autoencoder = autoencoder
        self.relative = relative

    def forward(self, batch: MotionBatch) -> Losses:
        windows = batch.windows
        latents = self.seen_latents(batch, self.frozen(windows, batch.posterior)) + batch.error
        vertices = windows.vertices[:, :, : QUERIES // 2]
        where = (windows.frame_times, batch.source, batch.targets)
        return autoencoder_loss(self.autoencoder, latents, *where, vertices, self.relative)

    def seen_latents(self, batch: MotionBatch, latents: Tensor) -> Tensor:
        """Return the latents that Stage II sees, given the true ones (B, T, N, D)."""
        return latents

    def readable(self, means: dict[str, float]) -> dict[str, float]:
        """Return "loss" and "of_still": the RMS error as a share of the error of a mesh that does not move."""
        return {"loss": means["loss"], "of_still": math.sqrt(means["squared"] / max(means["still"], 1e-12))}


class GeneratedMotionObjective(MotionObjective):
    """Stage II on latents that Stage I generates from the pictures in one step."""

    def __init__(
        self,
        autoencoder: TemporalAutoencoder,
        denoiser: TemporalDenoiser,
        encoder: Dinov2Model,
        frozen: FrozenVAE,
        relative: bool = False,
    ):
        super().__init__(autoencoder, frozen, relative)
        self.denoiser, self.encoder = denoiser.requires_grad_(False), encoder.requires_grad_(False)

    @torch.no_grad()
    def seen_latents(self, batch: MotionBatch, latents: Tensor) -> Tensor:
        times, pictures = batch.windows.frame_times, batch.windows.pictures
        known = nn.functional.one_hot(batch.source, latents.shape[1]).float()
        is_known = known[..., None, None].bool()
        context = encode_images(self.encoder, pictures.flatten(0, 1)).unflatten(0, latents.shape[:2])
        noisy = torch.where(is_known, latents, batch.start)
        cache = self.denoiser.prepare(context, times, latents.shape[2])
        velocity = self.denoiser(noisy, torch.full_like(times[:, 0], 1000.0), cache, known, times)
        return torch.where(is_known, latents, batch.start + velocity.float())


def with_patches(losses: Losses, reader: PatchReader | None, tokens: Tensor, patches: Patches | None) -> Losses:
    """Add the loss of the image encoder's second task on its tokens (B, T, 1 + S, D), if it has one."""
    if reader is None or patches is None:
        return losses
    loss = reader.loss(tokens, patches)
    return {"loss": losses["loss"] + PATCH_WEIGHT * loss, "flow": losses["loss"], "patches": loss}
