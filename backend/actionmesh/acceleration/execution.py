"""How a network runs: nothing here changes its results by more than rounding."""

import os
from dataclasses import dataclass

VARIABLE = "ACTIONMESH_EXPERIMENTAL"
"""Environment variable with the names, separated by commas, of experimental parts to switch on: "graphs"."""


@dataclass(frozen=True)
class Execution:
    """How a transformer runs.

    Args:
        feed_forward_rows: most tokens that a feed-forward processes at once; None processes all.
        host_skips: U-Net skips wait in pinned main memory until they are popped.
        keep_context: keys and values of the image tokens are computed once per window and kept; otherwise every step
            computes them.
        compiled: torch.compile compiles blocks, one for all of a kind; without a compiler they run eagerly.
        graphs: steps whose shapes do not change are replayed as CUDA graphs.
    """

    feed_forward_rows: int | None = None
    host_skips: bool = False
    keep_context: bool = True
    compiled: bool = False
    graphs: bool = False

    def __post_init__(self) -> None:
        if self.feed_forward_rows is not None and self.feed_forward_rows < 1:
            raise ValueError(f"feed_forward_rows is {self.feed_forward_rows}; it must be above 0")


PLAIN = Execution()
"""Eager, everything at once, with the context kept."""


def is_switched_on(experiment: str) -> bool:
    """Return whether the user switched on an experimental part, one that no card has shown to work and to pay."""
    return experiment in (name.strip() for name in os.environ.get(VARIABLE, "").split(","))
