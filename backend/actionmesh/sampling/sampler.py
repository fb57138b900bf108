"""The sampler: it steps along the guided velocity and restores known frames after every step."""

import torch
from torch import Tensor

from ..progress import Progress
from ..protocol import Stage
from .approximate_steps import ApproximateSteps
from .approximation import EXACT, Approximation
from .guidance import Branches
from .pace import Pace
from .schedules import Schedule


@torch.no_grad()
def sample(
    branches: Branches,
    guidance: float,
    noise: Tensor,
    schedule: Schedule,
    stage: Stage,
    progress: Progress,
    known: Tensor | None = None,
    approximation: Approximation = EXACT,
) -> Tensor:
    """Return latents denoised from noise by the published Euler sampler, or by an approximation of it.

    The guided velocity is v_uncond + g (v_cond - v_uncond) (Ho and Salimans 2022).

    Args:
        branches: the network's velocities.
        guidance: g; 1 computes only the conditional branch.
        noise: (B, T, N, D) or (B, N, D); the clean latent where `known`.
        stage: what progress reports meanwhile.
        known: (B, T), 1 where a frame is kept as it is.
    """
    approximate_step = ApproximateSteps(branches, guidance, schedule, approximation)
    latents, times, step_sizes = noise, schedule.times.to(noise.device), schedule.step_sizes.tolist()
    pace = Pace(noise.device)
    for i in progress.track(range(len(times)), stage):
        time = times[i].expand(len(latents))
        if approximation.changes_the_steps:
            latents = approximate_step(latents, time, i)
        elif guidance == 1:
            latents = latents + step_sizes[i] * branches.conditional(latents, time)
        else:
            conditional, unconditional = branches.both(latents, time)
            velocity = unconditional + guidance * (conditional - unconditional)
            latents = latents + step_sizes[i] * velocity
        if known is not None:
            latents = torch.where(known.bool()[..., None, None], noise, latents)
        pace.step()
    return latents


def frame_noise(shape: tuple[int, ...], seed: int, device: torch.device | str) -> Tensor:
    """Return independent unit noise for every frame.

    It is drawn on the CPU in float32, so that it is the same for every device.
    """
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator).to(device)
