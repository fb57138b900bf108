"""The sampler: it steps along the guided velocity and restores known frames after every step."""

import torch
from torch import Tensor

from ..progress import Progress
from ..protocol import Stage
from .approximation import Approximation
from .guidance import Branches, GuidedVelocity, evaluations_of
from .pace import Pace
from .schedules import Schedule
from .solvers import make_solver

EXACT = Approximation()


@torch.no_grad()
def sample(
    branches: Branches,
    guidance: float,
    latents: Tensor,
    schedule: Schedule,
    stage: Stage,
    progress: Progress,
    known: Tensor | None = None,
    approximation: Approximation = EXACT,
) -> Tensor:
    """Return latents denoised from noise, exactly as the published Euler sampler unless an approximation is chosen.

    Args:
        branches: the network's velocities.
        guidance: 1 computes only the conditional branch.
        latents: (B, T, N, D) or (B, N, D) noise; the clean latent where `known`.
        stage: the text shown to the user meanwhile.
        known: (B, T), 1 where a frame is kept as it is.
    """
    evaluations = evaluations_of(schedule, guidance, approximation)
    velocity = GuidedVelocity(branches, guidance, evaluations, schedule, approximation.forecast)
    solver = make_solver(approximation.solver, schedule)
    times, clean, pace = schedule.times.to(latents.device), latents, Pace(latents.device)
    for i in progress.track(range(len(times)), stage):
        if evaluations[i].turns:
            solver.restart()
        latents = solver.step(latents, velocity(latents, times[i].expand(len(latents)), i), i)
        if known is not None:
            latents = torch.where(known.bool()[..., None, None], clean, latents)
        pace.step()
    return latents


def frame_noise(shape: tuple[int, ...], seed: int, device: torch.device | str) -> Tensor:
    """Return independent unit noise for every frame.

    It is drawn on the CPU in float32, so that it is the same for every device.
    """
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator).to(device)
