"""How many workers a batch has, and what each of them may take of a machine."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

CORES_EACH = 4
"""Cores for a worker without a card, by default."""
MEMORY_EACH = 2 << 30
"""Bytes of main memory for a worker besides its weights, by default."""
WEIGHTS = 1.5
"""Main memory for the weights, in multiples of their size on disk."""
SHARES = 10_000
"""Ray counts a card in this many parts."""


@dataclass(frozen=True)
class Shape:
    """`workers` workers, each with `cores` cores and `cards` cards; a card may be shared."""

    workers: int
    cores: int
    cards: float = 0.0


def shape_of(nodes: Iterable[dict[str, Any]], wanted: int | None, weights: int) -> Shape:
    """Return the workers of one machine or several: one for each card; without cards, one for some cores and memory.

    Args:
        nodes: the machines, as `ray.nodes()` describes them.
        wanted: how many workers; None leaves the choice to the machines.
        weights: bytes of the largest checkpoint.
    """
    found = [node["Resources"] for node in nodes if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]
    with_cards = [node for node in found if node.get("GPU", 0) >= 1]
    if with_cards:
        cards = sum(int(node["GPU"]) for node in with_cards)
        workers = wanted or cards
        on_each = -(-workers // cards)
        share = max(SHARES // on_each, 1) / SHARES
        cores = min(int(node["CPU"]) / int(node["GPU"]) for node in with_cards)
        return Shape(workers, max(1, int(cores * share)), share)
    if wanted is None:
        rooms = [_room(node, weights) for node in found] or [1]
        cores = min((int(node["CPU"]) // room for node, room in zip(found, rooms, strict=False)), default=1)
        return Shape(sum(rooms), max(1, cores))
    on_each = -(-wanted // max(1, len(found)))
    return Shape(wanted, max(1, min((int(node["CPU"]) for node in found), default=1) // on_each))


def _room(node: dict[str, Any], weights: int) -> int:
    """Return how many workers fit on a machine without cards, at least one."""
    by_memory = int(node.get("memory", 0) // (MEMORY_EACH + WEIGHTS * weights))
    return max(1, min(int(node["CPU"]) // CORES_EACH, by_memory))
