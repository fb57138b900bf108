"""Solvers of the flow's equation dx/ds = -v, from s = 1 (noise) down to s = 0 (data), with one velocity per step.

All are linear and treat every element separately, so frames do not affect each other here. The multistep solvers
end with a first-order step. This keeps their order (its error is made once) and is stable where s falls by most of
its value.
"""

from math import expm1, inf, log, log1p
from typing import Protocol

from torch import Tensor

from .approximation import SOLVERS
from .schedules import TRAIN_TIMESTEPS, Schedule


class Solver(Protocol):
    """Integrates given velocities, one step after another."""

    def step(self, latents: Tensor, velocity: Tensor, i: int) -> Tensor:
        """Return the latents at s_(i+1) from those at s_i and their velocity, both of one shape."""

    def restart(self) -> None:
        """Forget earlier velocities, because the next one does not continue them smoothly."""


class Euler:
    """x + h v: first order, the published sampler."""

    def __init__(self, schedule: Schedule):
        self.sizes: list[float] = schedule.step_sizes.tolist()

    def step(self, latents: Tensor, velocity: Tensor, i: int) -> Tensor:
        return latents + self.sizes[i] * velocity

    def restart(self) -> None:
        """Do nothing: the solver keeps no velocities."""


class AdamsBashforth2:
    """Second order: extrapolate the velocity by the line through the last two (Hairer, Norsett, Wanner 1993, III.5)."""

    def __init__(self, schedule: Schedule):
        self.sizes: list[float] = schedule.step_sizes.tolist()
        self._last: Tensor | None = None

    def step(self, latents: Tensor, velocity: Tensor, i: int) -> Tensor:
        mean = velocity
        if self._last is not None and i + 1 < len(self.sizes):
            mean = velocity + (self.sizes[i] / self.sizes[i - 1] / 2) * (velocity - self._last)
        self._last = velocity
        return latents + self.sizes[i] * mean

    def restart(self) -> None:
        self._last = None


class UniPC2:
    """UniPC of order 2 with data prediction and B(h) = e^h - 1 (Zhao et al. 2023): UniP-2 predicts, UniC-2 corrects.

    With the data x0 = x + s v, alpha = 1 - s and sigma = s, the step from s to t is exactly

        x_t = (t / s) x_s + (1 - t / s) m,

    where m is the mean of x0 between the two under the weight e^lambda, lambda = log((1 - s) / s). Polynomials in
    lambda through x0 at the last points give m. Each velocity is used twice: it corrects the step that led to it
    and starts the next one. At s = 1 lambda is -inf, and the limits of the paper's coefficients apply.
    """

    def __init__(self, schedule: Schedule):
        times = [*schedule.times.tolist(), schedule.final_time]
        self.sigmas: list[float] = [time / TRAIN_TIMESTEPS for time in times]
        self.lambdas = [half_log_snr(sigma) for sigma in self.sigmas]
        self._data: list[Tensor] = []
        self._begin: Tensor | None = None

    def step(self, latents: Tensor, velocity: Tensor, i: int) -> Tensor:
        data = latents + self.sigmas[i] * velocity
        corrected, mean = self._corrected(latents, data, i), data
        if self._data and i + 2 < len(self.sigmas):
            size, last = self.lambdas[i + 1] - self.lambdas[i], self.lambdas[i] - self.lambdas[i - 1]
            mean = data + size / last / 2 * (data - self._data[-1])
        self._begin, self._data = corrected, [*self._data[-1:], data]
        return self._moved(corrected, mean, i)

    def restart(self) -> None:
        self._begin, self._data = None, []

    def _corrected(self, predicted: Tensor, data: Tensor, i: int) -> Tensor:
        """Return the latents at s_i, corrected: the last step repeated with the data at its end."""
        if self._begin is None:
            return predicted
        begin, mean = self._data[-1], (self._data[-1] + data) / 2
        if len(self._data) == 2:
            of_earlier, of_end = corrector_weights(*(self.lambdas[i - j] for j in (2, 1, 0)))
            mean = begin + of_earlier * (self._data[0] - begin) + of_end * (data - begin)
        return self._moved(self._begin, mean, i - 1)

    def _moved(self, begin: Tensor, mean: Tensor, i: int) -> Tensor:
        """Return the latents moved from s_i to s_(i+1) under this mean of the data."""
        kept = self.sigmas[i + 1] / self.sigmas[i]
        return kept * begin + (1 - kept) * mean


def half_log_snr(sigma: float) -> float:
    """Return lambda = log(alpha / sigma), rising from -inf at s = 1 to inf at s = 0."""
    return -inf if sigma >= 1 else inf if sigma <= 0 else log1p(-sigma) - log(sigma)


def corrector_weights(earlier: float, begin: float, end: float) -> tuple[float, float]:
    """Return UniC-2's weights in the mean from `begin` to `end`: of x0 at `earlier` and at `end`, less x0 at `begin`.

    Arguments are lambdas. The weights integrate every parabola in lambda exactly: the paper's R rho = b, where b
    are the first two moments of the step.
    """
    size = end - begin
    mean = -1 / expm1(-size) - 1 / size
    square = -1 / expm1(-size) - 2 * mean / size
    if earlier == -inf:
        return 0.0, mean
    where = (earlier - begin) / size
    return (mean - square) / (1 - where) / where, (square - where * mean) / (1 - where)


KINDS: dict[str, type[Euler] | type[AdamsBashforth2] | type[UniPC2]] = dict(
    zip(SOLVERS, (Euler, AdamsBashforth2, UniPC2), strict=True)
)


def make_solver(name: str, schedule: Schedule) -> Solver:
    """Return the solver with a name in `approximation.SOLVERS`."""
    return KINDS[name](schedule)
