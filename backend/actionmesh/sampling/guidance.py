"""The two branches of guidance: the network with the picture, and without it."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

Velocity = Callable[[Tensor, Tensor], Tensor]
"""(latents, time (B)) -> x0 - noise, in the shape of the latents."""


@dataclass(frozen=True)
class Branches:
    """The network's velocities with and without the picture.

    Args:
        together: both velocities, in this order, computed as one batch; None computes one after the other.
    """

    conditional: Velocity
    unconditional: Velocity
    together: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None

    def both(self, latents: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        """Return the conditional and the unconditional velocity."""
        if self.together is not None:
            return self.together(latents, time)
        return self.conditional(latents, time), self.unconditional(latents, time)
