"""Memory plans: what is kept where, depending on how much memory the device has."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import psutil
import torch

from ..acceleration.execution import Execution, is_switched_on
from ..errors import InputError

AUTO = "auto"
CPU_QUERY_ROWS = 8192
"""Most rows on a CPU: 65 536 overflow its caches, and make the bundled checkpoint's decoder take a third longer."""
MARGIN = 1.15
"""Factor on the counted bytes, for gaps in the allocator, the libraries' workspaces, and small tensors."""


@dataclass(frozen=True)
class MemoryPlan:
    """How a job fits its device.

    Args:
        name: "24", "12", "8" or "6": the GB of the card that it is made for.
        resident: all networks stay on the device; otherwise only the computing one, and the others wait in main memory.
        guidance_batch: both branches of guidance run as one batch of two; otherwise one after the other.
        query_rows: most query points or vertices that a decoder takes at once.
        execution: how the networks run.
    """

    name: str
    resident: bool
    guidance_batch: bool
    query_rows: int
    execution: Execution


PLANS = (
    MemoryPlan("24", resident=True, guidance_batch=True, query_rows=65_536, execution=Execution()),
    MemoryPlan("12", resident=False, guidance_batch=False, query_rows=65_536, execution=Execution()),
    MemoryPlan(
        "8", resident=False, guidance_batch=False, query_rows=32_768, execution=Execution(feed_forward_rows=8192)
    ),
    MemoryPlan(
        "6",
        resident=False,
        guidance_batch=False,
        query_rows=16_384,
        execution=Execution(feed_forward_rows=4096, host_skips=True, keep_context=False),
    ),
)
"""From the roomiest to the smallest: when one runs out of memory, a smaller one is tried."""


def choose_plan(free: int, needed: Callable[[MemoryPlan], int], plans: Sequence[MemoryPlan] = PLANS) -> MemoryPlan:
    """Return the roomiest plan that fits into `free` bytes by its needs; the smallest if none fits, which may fail."""
    return next((plan for plan in plans if MARGIN * needed(plan) <= free), plans[-1])


def plan_named(name: str) -> MemoryPlan:
    """Return the plan of this name; raise InputError if there is none."""
    for plan in PLANS:
        if plan.name == name:
            return plan
    names = ", ".join(plan.name for plan in PLANS)
    raise InputError(f"There is no memory plan {name!r}.", f"Use {AUTO} or one of {names}.")


def lighter(plan: MemoryPlan) -> tuple[MemoryPlan, ...]:
    """Return the smaller plans, from the roomiest; none for the smallest."""
    names = [each.name for each in PLANS]
    return PLANS[names.index(plan.name) + 1 :]


def on_device(plan: MemoryPlan, device: torch.device) -> MemoryPlan:
    """Return the plan adapted to the kind of device.

    On a card, blocks are compiled, and, as an experiment, steps are recorded as graphs if networks stay in place. On a
    CPU, compiling takes longer than it saves; fewer queries at once stay in its caches, and can be cancelled sooner.
    """
    if device.type == "cpu":
        return replace(plan, query_rows=min(plan.query_rows, CPU_QUERY_ROWS))
    if device.type != "cuda":
        return plan
    graphs = plan.resident and is_switched_on("graphs")
    return replace(plan, execution=replace(plan.execution, compiled=True, graphs=graphs))


def free_memory(device: torch.device) -> int:
    """Return the bytes of a device that this process may still take.

    On a card, that is what the driver has left, or this process's limit under
    `torch.cuda.set_per_process_memory_fraction` if that is less, plus what the allocator holds unused. The CPU and
    Apple's GPU use main memory.
    """
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        reserved = torch.cuda.memory_reserved(device)
        # the fraction cannot be read without a device number
        number = torch.cuda.current_device() if device.index is None else device.index
        allowed = int(total * torch.cuda.get_per_process_memory_fraction(number)) - reserved
        return max(0, min(free, allowed)) + reserved - torch.cuda.memory_allocated(device)
    available = free_main_memory()
    if device.type == "mps":
        return min(available, torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return available


def free_main_memory() -> int:
    """Return the available bytes of main memory."""
    return psutil.virtual_memory().available
