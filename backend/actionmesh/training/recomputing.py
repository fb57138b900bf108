"""Activation checkpointing (Chen et al. 2016): recompute a block's activations in the backward pass."""

from functools import partial

from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers.models.dinov2.modeling_dinov2 import Dinov2Layer

from ..models.blocks import CrossBlock, DenoiserBlock, SelfBlock

BLOCKS = (SelfBlock, CrossBlock, DenoiserBlock, Dinov2Layer)


def recompute_blocks(network: nn.Module) -> None:
    """Make all transformer blocks of a network recompute their activations; the results are the same."""
    for module in network.modules():
        if isinstance(module, BLOCKS):
            module.forward = partial(checkpoint, module.forward, use_reentrant=False, preserve_rng_state=False)  # type: ignore[method-assign]
