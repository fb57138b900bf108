"""Approximations of the sampler, all off by default.

Each makes sampling cheaper and departs from the published result.
"""

from dataclasses import dataclass, replace

SOLVERS = ("euler", "ab2", "unipc")
FORECASTS = ("last", "linear")
FULL_INTERVAL = (0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Approximation:
    """Settings of a sampler; the defaults are the published, exact ones.

    Args:
        solver: "euler", "ab2" (second-order Adams-Bashforth) or "unipc" (second-order UniPC).
        guidance_interval: lowest and highest noise level s at which guidance is on (Kynkaanniemi et al. 2024); at
            other levels only the conditional branch is computed.
        difference_every: every n-th guided step computes the unconditional branch; those between reuse the last
            difference of the branches.
        velocity_every: after the first third of the steps every n-th step runs the network; those between forecast
            the velocity.
        forecast: the velocity of a step that does not run the network: the "last" one, or the "linear" one through
            the last two (a first-order Taylor forecast, which TaylorSeer, Liu et al. 2025, makes of features).
        float8: the blocks' linear layers compute in 8 bits on cards that support it; on the CPU this is emulated;
            elsewhere it has no effect. Experimental: no preset sets it, but a checkpoint's own may.
    Raises:
        ValueError: a value is out of range.
    """

    solver: str = "euler"
    guidance_interval: tuple[float, float] = FULL_INTERVAL
    difference_every: int = 1
    velocity_every: int = 1
    forecast: str = "linear"
    float8: bool = False

    def __post_init__(self) -> None:
        if self.solver not in SOLVERS or self.forecast not in FORECASTS:
            raise ValueError(f"solver {self.solver!r} or forecast {self.forecast!r} does not exist")
        if not is_interval(self.guidance_interval):
            raise ValueError(f"guidance_interval is {self.guidance_interval}; it must rise within 0 and 1")
        if min(self.difference_every, self.velocity_every) < 1:
            raise ValueError(
                f"difference_every {self.difference_every} and velocity_every {self.velocity_every} must be at least 1"
            )

    @property
    def changes_the_steps(self) -> bool:
        """Whether the sampler departs from the published one; `float8` alone changes only its network."""
        return replace(self, float8=False) != EXACT


def is_interval(value: object) -> bool:
    """Return whether the value is two numbers, 0 <= low < high <= 1."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        return False
    if not all(isinstance(bound, int | float) and not isinstance(bound, bool) for bound in value):
        return False
    return bool(0 <= value[0] < value[1] <= 1)


EXACT = Approximation()
