"""What lives where, by how much memory the device has."""

from dataclasses import dataclass

from ..models.execution import Execution


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
