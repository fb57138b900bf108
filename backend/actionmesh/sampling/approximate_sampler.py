"""The sampler with approximations: fewer evaluations of the network, and solvers of second order."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor

from ..progress import Progress
from .approximation import Approximation
from .guidance import Branches
from .pace import Pace
from .schedules import TRAIN_TIMESTEPS, Schedule
from .solvers import make_solver


@torch.no_grad()
def sample_approximately(
    branches: Branches,
    guidance: float,
    noise: Tensor,
    schedule: Schedule,
    stage: str,
    progress: Progress,
    known: Tensor | None,
    approximation: Approximation,
) -> Tensor:
    """Return latents denoised from noise. The arguments are those of `sampler.sample`."""
    evaluations = evaluations_of(schedule, guidance, approximation)
    velocity = GuidedVelocity(branches, guidance, evaluations, schedule, approximation.forecast)
    solver = make_solver(approximation.solver, schedule)
    latents, times, pace = noise, schedule.times.to(noise.device), Pace(noise.device)
    for i in progress.track(range(len(times)), stage):
        if evaluations[i].turns:
            solver.restart()
        latents = solver.step(latents, velocity(latents, times[i].expand(len(latents)), i), i)
        if known is not None:
            latents = torch.where(known.bool()[..., None, None], noise, latents)
        pace.step()
    return latents


@dataclass(frozen=True)
class Evaluation:
    """What the network computes for one step.

    Args:
        computed: the network runs; otherwise the velocity is forecast.
        guided: guidance is on.
        unconditional: the unconditional branch is computed too.
        turns: guidance starts or stops with this step, so earlier velocities are not reused in it.
    """

    computed: bool
    guided: bool
    unconditional: bool
    turns: bool

    @property
    def branches(self) -> int:
        """How many times the network is evaluated."""
        return int(self.computed) + int(self.unconditional)


def evaluations_of(schedule: Schedule, guidance: float, approximation: Approximation) -> list[Evaluation]:
    """Return the evaluation of each step. The network always runs where guidance starts or stops."""
    low, high = approximation.guidance_interval
    sigmas = [time / TRAIN_TIMESTEPS for time in schedule.times.tolist()]
    guided = [guidance != 1.0 and low <= sigma <= high for sigma in sigmas]
    evaluations: list[Evaluation] = []
    since_velocity = since_difference = 0
    for i, is_guided in enumerate(guided):
        turns = i > 0 and is_guided != guided[i - 1]
        early = i < ceil(len(guided) / 3)
        computed = turns or early or since_velocity + 1 >= approximation.velocity_every
        since_velocity = 0 if computed else since_velocity + 1
        unconditional = (
            computed and is_guided and (turns or i == 0 or since_difference + 1 >= approximation.difference_every)
        )
        since_difference = 0 if unconditional else since_difference + int(computed)
        evaluations.append(Evaluation(computed, is_guided, unconditional, turns))
    return evaluations


class GuidedVelocity:
    """The guided velocity v_uncond + g (v_cond - v_uncond) of each step in turn (Ho and Salimans 2022), as planned.

    Without guidance it is v_cond; with a reused difference d it is v_cond + (g - 1) d.
    """

    def __init__(
        self, branches: Branches, guidance: float, evaluations: Sequence[Evaluation], schedule: Schedule, forecast: str
    ):
        self.branches, self.guidance, self.evaluations = branches, guidance, evaluations
        self.times = schedule.times.tolist()
        self.order = 0 if forecast == "last" else 1
        self._difference: Tensor | None = None
        self._computed: list[tuple[float, Tensor]] = []

    def __call__(self, latents: Tensor, time: Tensor, i: int) -> Tensor:
        """Return the velocity of step i for its latents and time (B)."""
        if self.evaluations[i].turns:
            self._computed, self._difference = [], None
        if not self.evaluations[i].computed:
            return self._forecast(self.times[i])
        velocity = self._evaluated(latents, time, self.evaluations[i])
        self._computed = [*self._computed[-1:], (self.times[i], velocity)]
        return velocity

    def _evaluated(self, latents: Tensor, time: Tensor, evaluation: Evaluation) -> Tensor:
        if not evaluation.guided:
            return self.branches.conditional(latents, time)
        if not evaluation.unconditional:
            assert self._difference is not None
            return self.branches.conditional(latents, time) + (self.guidance - 1) * self._difference
        conditional, unconditional = self.branches.both(latents, time)
        self._difference = conditional - unconditional
        return unconditional + self.guidance * self._difference

    def _forecast(self, time: float) -> Tensor:
        """Return the last computed velocity, or the line through the last two, at `time`."""
        last_time, last = self._computed[-1]
        if self.order == 0 or len(self._computed) < 2:
            return last
        before_time, before = self._computed[0]
        return last + (time - last_time) / (last_time - before_time) * (last - before)
