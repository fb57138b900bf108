"""The sampler's steps with approximations: fewer evaluations of the network, and solvers of second order."""

from dataclasses import dataclass
from math import ceil

from torch import Tensor

from .approximation import Approximation
from .guidance import Branches
from .schedules import TRAIN_TIMESTEPS, Schedule
from .solvers import make_solver


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


class ApproximateSteps:
    """The steps of the sampler in turn, with an approximation.

    With a reused difference d of the branches, the guided velocity is v_cond + (g - 1) d.
    """

    def __init__(self, branches: Branches, guidance: float, schedule: Schedule, approximation: Approximation):
        self.branches, self.guidance = branches, guidance
        self.evaluations = evaluations_of(schedule, guidance, approximation)
        self.solver = make_solver(approximation.solver, schedule)
        self.times, self.is_linear = schedule.times.tolist(), approximation.forecast == "linear"
        self._difference: Tensor | None = None
        self._computed: list[tuple[float, Tensor]] = []

    def __call__(self, latents: Tensor, time: Tensor, i: int) -> Tensor:
        """Return the latents after step i, from those before it and its time (B)."""
        if self.evaluations[i].turns:
            self.solver.restart()
            self._computed, self._difference = [], None
        return self.solver.step(latents, self._velocity(latents, time, i), i)

    def _velocity(self, latents: Tensor, time: Tensor, i: int) -> Tensor:
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
        if not self.is_linear or len(self._computed) < 2:
            return last
        before_time, before = self._computed[0]
        return last + (time - last_time) / (last_time - before_time) * (last - before)
