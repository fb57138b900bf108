"""What lives where, by how much memory the device has."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from ..errors import InputError
from ..models.execution import Execution

AUTO = "auto"
CPU_QUERY_ROWS = 8192
"""On a CPU: with 65 536, which leave its caches, the bundled checkpoint's decoder takes a third longer."""
MARGIN = 1.15
"""Times what is counted: the allocator's gaps, the libraries' workspaces, and what is small."""


@dataclass(frozen=True)
class MemoryPlan:
    """How a job fits its device.

    Args:
        name: "24", "12", "8" or "6": the GB of a card for which it is made.
        resident: all networks stay on the device; otherwise the one that computes, and the others wait in main memory.
        guidance_batch: both branches of guidance as one batch of two; otherwise one after the other.
        query_rows: most query points or vertices that a decoder takes at once.
        execution: of the networks.
    """

    name: str
    resident: bool
    guidance_batch: bool
    query_rows: int
    execution: Execution


PLANS = (
    MemoryPlan("24", resident=True, guidance_batch=True, query_rows=65_536, execution=Execution()),
    MemoryPlan("12", resident=False, guidance_batch=False, query_rows=65_536, execution=Execution()),
    MemoryPlan("8", resident=False, guidance_batch=False, query_rows=32_768, execution=Execution(feed_forward_rows=8192)),
    MemoryPlan(
        "6",
        resident=False,
        guidance_batch=False,
        query_rows=16_384,
        execution=Execution(feed_forward_rows=4096, host_skips=True, keep_context=False),
    ),
)
"""From the roomiest to the smallest: when one runs out of memory, the next is tried."""


def choose_plan(free: int, needed: Callable[[MemoryPlan], int]) -> MemoryPlan:
    """The roomiest plan whose needs in bytes fit into `free` bytes; the smallest where none does, and may then fail."""
    return next((plan for plan in PLANS if MARGIN * needed(plan) <= free), PLANS[-1])


def plan_named(name: str) -> MemoryPlan:
    """Raises InputError for a name that no plan has."""
    for plan in PLANS:
        if plan.name == name:
            return plan
    names = ", ".join(plan.name for plan in PLANS)
    raise InputError(f"There is no memory plan {name!r}.", f"Use {AUTO} or one of {names}.")


def lighter(plan: MemoryPlan) -> MemoryPlan | None:
    """The next smaller plan; None for the smallest."""
    names = [each.name for each in PLANS]
    return dict(zip(names, PLANS[1:], strict=False)).get(plan.name)


def on_device(plan: MemoryPlan, device: torch.device) -> MemoryPlan:
    """The plan as a kind of device runs it best.

    On a card blocks are compiled, and steps are recorded as graphs where networks stay in place. On a CPU compiling takes
    longer than it saves, and fewer queries at once stay in its caches and are cancelled sooner.
    """
    if device.type == "cpu":
        return replace(plan, query_rows=min(plan.query_rows, CPU_QUERY_ROWS))
    if device.type != "cuda":
        return plan
    return replace(plan, execution=replace(plan.execution, compiled=True, graphs=plan.resident))
