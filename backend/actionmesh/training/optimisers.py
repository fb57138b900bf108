"""The optimisers, Muon and AdamW, and the learning rate over time."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from .recipes import LoopConfig

FLOOR = 0.02
"""Final learning rate as a share of the peak."""


def make_optimisers(config: "LoopConfig", parameters: Mapping[str, nn.Parameter]) -> list[torch.optim.Optimizer]:
    """Return the optimisers of all parameters; see `LoopConfig.optimiser`."""
    hidden = {name for name, value in parameters.items() if value.ndim == 2 and ("blocks." in name or "layer." in name)}
    if config.optimiser != "muon":
        hidden = set()
    matrices = [value for name, value in parameters.items() if name in hidden]
    rest = [value for name, value in parameters.items() if name not in hidden]
    adamw = torch.optim.AdamW(rest, lr=config.rate, betas=config.betas, weight_decay=config.weight_decay)
    if not matrices:
        return [adamw]
    muon = torch.optim.Muon(matrices, lr=config.rate, weight_decay=config.weight_decay, adjust_lr_fn="match_rms_adamw")
    return [muon, adamw]


def rate_at(config: "LoopConfig", step: int, fraction: float) -> float:
    """Return the learning rate after `fraction` of the training.

    It rises linearly over the warm-up and falls along a cosine to FLOOR of the peak.
    """
    return config.rate * min(1.0, (step + 1) / config.warmup) * (FLOOR + (1 - FLOOR) * cosine(fraction))


def cosine(fraction: float) -> float:
    """Return a half cosine: 1 at the start, 0 at the end."""
    return 0.5 * (1 + math.cos(math.pi * min(fraction, 1.0)))
