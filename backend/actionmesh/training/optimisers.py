"""The optimisers, Muon and AdamW, and the learning rate over time."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .devices import multiplies_bf16

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
    make = torch.optim.Muon if multiplies_bf16(matrices[0].device) else Float32Muon
    muon = make(matrices, lr=config.rate, weight_decay=config.weight_decay, adjust_lr_fn="match_rms_adamw")
    return [muon, adamw]


class Float32Muon(torch.optim.Muon):
    """torch's Muon with steps scaled to AdamW's size, computed in float32 instead of bfloat16.

    It is for devices that multiply bfloat16 slowly: there the iteration can take more than half of a training step.
    The states are the same.
    """

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Take a step; as in torch, `closure`, if given, computes the gradients and returns the loss."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            rate, momentum = float(group["lr"]), group["momentum"]
            for matrix in (each for each in group["params"] if each.grad is not None):
                state = self.state[matrix]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(matrix)
                mean = state["momentum_buffer"].lerp_(matrix.grad, 1 - momentum)
                update = orthogonalised(
                    matrix.grad.lerp(mean, momentum), group["ns_coefficients"], group["ns_steps"], group["eps"]
                )
                matrix.mul_(1 - rate * group["weight_decay"])
                matrix.add_(update, alpha=-rate * 0.2 * math.sqrt(max(matrix.shape)))
        return loss


def orthogonalised(matrix: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """Return a matrix with the same singular vectors and singular values near 1 (Newton-Schulz, Jordan et al. 2024)."""
    first, second, third = coefficients
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    found = wide / wide.norm().clamp(min=eps)
    for _ in range(steps):
        gram = found @ found.T
        found = torch.addmm(found, torch.addmm(gram, gram, gram, beta=second, alpha=third), found, beta=first)
    return found.T if matrix.shape[0] > matrix.shape[1] else found


def rate_at(config: "LoopConfig", step: int, fraction: float) -> float:
    """Return the learning rate after `fraction` of the training.

    It rises linearly over the warm-up and falls along a cosine to FLOOR of the peak.
    """
    return config.rate * min(1.0, (step + 1) / config.warmup) * (FLOOR + (1 - FLOOR) * cosine(fraction))


def cosine(fraction: float) -> float:
    """Return a half cosine: 1 at the start, 0 at the end."""
    return 0.5 * (1 + math.cos(math.pi * min(fraction, 1.0)))
