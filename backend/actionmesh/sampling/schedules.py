"""Noise levels of the two samplers. Flow matching: x_t = (1 - s) x0 + s noise, diffusion time t = 1000 s."""

from dataclasses import dataclass

import torch
from torch import Tensor

TRAIN_TIMESTEPS = 1000


@dataclass(frozen=True)
class Schedule:
    """n Euler steps from noise to data.

    Args:
        times: (n) diffusion times in [0, 1000] that the network receives.
        step_sizes: (n) length of each step in s; positive.
        final_time: the time reached after the last step.
    """

    times: Tensor
    step_sizes: Tensor
    final_time: float


def shift_sigma(sigma: Tensor, shift: float) -> Tensor:
    """Return k s / (1 + (k - 1) s), which puts more of the steps at high noise (Esser et al. 2024)."""
    return shift * sigma / (1 + (shift - 1) * sigma)


def image_to_3d_schedule(steps: int, shift: float = 1.0) -> Schedule:
    """Return Stage 0's schedule: shifted 1 - i / n, and a final 0."""
    return _schedule(shift_sigma(1 - torch.arange(steps + 1, dtype=torch.float64) / steps, shift))


def temporal_schedule(steps: int, shift: float = 3.0) -> Schedule:
    """Return Stage I's schedule, which does not end at 0.

    It is n + 1 values linear from 1 to the shifted 1/1000, shifted again.
    """
    smallest = shift_sigma(torch.tensor(1 / TRAIN_TIMESTEPS, dtype=torch.float64), shift)
    sigmas = shift_sigma(torch.linspace(1.0, float(smallest), steps + 1, dtype=torch.float64), shift)
    return _schedule(sigmas)


def _schedule(sigmas: Tensor) -> Schedule:
    times = (sigmas * TRAIN_TIMESTEPS).float()
    return Schedule(times[:-1], (sigmas[:-1] - sigmas[1:]).float(), float(times[-1]))
