"""What a sampler may leave out. Each switch makes it cheaper and departs from the published result; all are off by default."""

from dataclasses import dataclass

SOLVERS = ("euler", "ab2", "unipc")
FORECASTS = ("last", "linear")
FULL_INTERVAL = (0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Approximation:
    """Switches of a sampler; the defaults are the published, exact ones.

    Args:
        solver: "euler", "ab2" (second-order Adams-Bashforth) or "unipc" (second-order UniPC).
        guidance_interval: noise levels s, lowest and highest, at which guidance is on (Kynkaanniemi et al. 2024); at the others
            the conditional branch alone is computed.
        difference_every: of the guided steps every n-th computes the unconditional branch; those between reuse the last
            difference of the branches.
        velocity_every: after the first third of the steps every n-th asks the network; those between forecast the velocity.
        forecast: the velocity of a step that does not ask the network: the "last" one, or the "linear" one through the last two
            (a first-order Taylor forecast, as TaylorSeer, Liu et al. 2025, makes of features).
        float8: the blocks' linear layers compute in 8 bits on cards that do so, as if they did on the CPU, and not elsewhere.
    Raises:
        ValueError: a value is out of its range.
    """

    solver: str = "euler"
    guidance_interval: tuple[float, float] = FULL_INTERVAL
    difference_every: int = 1
    velocity_every: int = 1
    forecast: str = "linear"
    float8: bool = False

    def __post_init__(self) -> None:
        if self.solver not in SOLVERS or self.forecast not in FORECASTS:
            raise ValueError(f"there is no solver {self.solver!r} with forecast {self.forecast!r}")
        if not is_interval(self.guidance_interval):
            raise ValueError(f"guidance_interval is {self.guidance_interval}, and must rise within 0 and 1")
        if min(self.difference_every, self.velocity_every) < 1:
            raise ValueError(f"difference_every {self.difference_every} and velocity_every {self.velocity_every} begin at 1")


def is_interval(value: object) -> bool:
    """Whether it is two numbers, 0 <= low < high <= 1."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        return False
    if not all(isinstance(bound, int | float) and not isinstance(bound, bool) for bound in value):
        return False
    return bool(0 <= value[0] < value[1] <= 1)
