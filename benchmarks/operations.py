"""Count the operations of the stages with torch, on networks that take no memory.

The product's own stages run on the CPU, so that they decide what is computed and how often. The networks are on the
meta device, where a matrix product costs nothing and torch's flop counter sees its sizes. A multiplication and an
addition are two operations. Only matrix products, convolutions and attention are counted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.flop_counter import FlopCounterMode

from actionmesh.memory.plan import PLANS
from actionmesh.models.attention import KeysValues
from actionmesh.models.shape_vae import ShapeVAE
from actionmesh.presets import Preset
from actionmesh.sizes import Sizes

from .random_weights import RandomNetworks, empty_network
from .workload import Workload, run_stages, torus_field


def count_operations(sizes: Sizes, preset: Preset, workload: Workload, plan: str = PLANS[0].name) -> dict[str, int]:
    """Return the operations of every stage with a memory plan; within `plain.plain()`, those of the plain version."""
    counts: dict[str, int] = {}

    @contextmanager
    def counted(stage: str) -> Iterator[None]:
        before = networks.tally.operations
        yield
        counts[stage] = networks.tally.operations - before

    networks = MetaNetworks(sizes, plan)
    run_stages(networks.model, preset, workload, counted)
    return counts


def decode_operations(sizes: Sizes, queries: int) -> int:
    """Return the operations of decoding one latent and querying its field at `queries` points."""
    with torch.device("meta"), torch.no_grad():
        vae = ShapeVAE(sizes.vae)
        with FlopCounterMode(display=False) as once:
            context = vae.prepare(torch.empty(1, sizes.temporal.num_tokens_nominal, sizes.latent))
        with FlopCounterMode(display=False) as each:
            vae.query(torch.empty(1, 1, 3), context)
    return once.get_total_flops() + queries * each.get_total_flops()


class MetaNetwork:
    """A network on the meta device for callers on the CPU; its output tensors are zero.

    Each call with arguments of new sizes is counted once and remembered. Arguments that stay the same from step to step
    (a cache) are identified by `id`, so they are kept alive.
    """

    def __init__(self, network: nn.Module, tally: "Tally"):
        self._network, self._tally = network, tally
        self._known: dict[tuple, tuple[int, Any, list]] = {}

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._network, name)
        return partial(self._call, name) if callable(value) else value

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self._call("__call__", *arguments, **options)

    def _call(self, name: str, *arguments: Any, **options: Any) -> Any:
        moved = tree_map_only(Tensor, lambda tensor: tensor.to("meta"), (arguments, options))
        leaves = tree_leaves(moved)
        call = (name, *(tuple(leaf.shape) if isinstance(leaf, Tensor) else id(leaf) for leaf in leaves))
        if call not in self._known:
            with FlopCounterMode(display=False) as counter:
                answer = getattr(self._network, name)(*moved[0], **moved[1])
            self._known[call] = (counter.get_total_flops(), answer, leaves)
        operations, answer, _ = self._known[call]
        self._tally.operations += operations
        return tree_map_only(Tensor, lambda tensor: torch.zeros_like(tensor, device="cpu"), answer)


class MetaTorus(MetaNetwork):
    """A network that returns the torus's field instead of zero."""

    def query(self, points: Tensor, context: KeysValues) -> Tensor:
        return torus_field(points) + self._call("query", points, context)


@dataclass
class Tally:
    """Operations so far."""

    operations: int = 0


class MetaNetworks(RandomNetworks):
    """Full-size networks that take no memory; their tensors are on the CPU."""

    def __init__(self, sizes: Sizes, plan: str):
        super().__init__(sizes, "cpu", plan)
        self.tally = Tally()
        self._on_meta: dict[str, MetaNetwork] = {}

    def _part(self, name: str, float8: bool = False) -> Any:
        """Return a network; `float8` is ignored, as 8-bit products are as many operations."""
        if name not in self._on_meta:
            network = self._prepared(empty_network(name, self.sizes), float8=False)
            kind = MetaTorus if name == "shape_vae" else MetaNetwork
            self._on_meta[name] = kind(network, self.tally)
        return self._on_meta[name]
