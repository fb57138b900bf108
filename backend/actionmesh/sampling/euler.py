"""The sampler: Euler steps along the velocity, with guidance, and with known frames put back after every step."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..progress import Progress
from .schedules import Schedule

Velocity = Callable[[Tensor, Tensor], Tensor]


def guided(conditional: Velocity, unconditional: Velocity, guidance: float) -> Velocity:
    """v_uncond + g (v_cond - v_uncond) (Ho and Salimans 2022); at g = 1 only the conditional branch is computed."""
    if guidance == 1.0:
        return conditional

    def velocity(latents: Tensor, time: Tensor) -> Tensor:
        uncond = unconditional(latents, time)
        return uncond + guidance * (conditional(latents, time) - uncond)

    return velocity


@torch.no_grad()
def euler(
    velocity: Velocity, latents: Tensor, schedule: Schedule, stage: str, progress: Progress, known: Tensor | None = None
) -> Tensor:
    """Noise -> latents.

    Args:
        velocity: (latents, time (B)) -> x0 - noise, of the shape of the latents.
        latents: (B, T, N, D) or (B, N, D) noise; where `known`, the clean latent.
        stage: what the user reads while it runs.
        known: (B, T), 1 where a frame is kept as it is.
    """
    times, step_sizes = schedule.times.to(latents.device), schedule.step_sizes.to(latents.device)
    clean = latents
    for i in progress.track(range(len(times)), stage):
        step = step_sizes[i] * velocity(latents, times[i].expand(len(latents)))
        latents = latents + step.to(latents.dtype)
        if known is not None:
            latents = torch.where(known.bool()[..., None, None], clean, latents)
    return latents


def frame_noise(shape: tuple[int, ...], seed: int, device: torch.device | str) -> Tensor:
    """Independent unit noise for every frame, the same on every device: drawn on the CPU in float32."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator).to(device)
