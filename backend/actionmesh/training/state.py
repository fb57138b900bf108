"""The state of a training in one safetensors file: weights, their average, what the optimisers keep, and how far it is.

It says nothing about processes: a training may go on with another number of them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..errors import InputError

MOMENTS = ("exp_avg", "exp_avg_sq", "momentum_buffer")
"""What AdamW and Muon keep of every parameter."""


def write_state(
    path: Path,
    parameters: Mapping[str, nn.Parameter],
    average: Mapping[str, Tensor],
    optimisers: Sequence[torch.optim.Optimizer],
    step: int,
    seconds: float,
) -> None:
    """Writes everything that a restart needs, whole or not at all."""
    tensors = {f"average.{key}": value for key, value in average.items()}
    tensors |= {f"weights.{key}": value.detach() for key, value in parameters.items()}
    names: dict[Tensor, str] = {value: key for key, value in parameters.items()}
    for optimiser in optimisers:
        for value, state in optimiser.state.items():
            tensors |= {f"{moment}.{names[value]}": state[moment] for moment in MOMENTS if moment in state}
    part = path.with_suffix(".part")
    metadata = {"step": str(step), "seconds": str(seconds)}
    save_file({key: value.contiguous() for key, value in tensors.items()}, part, metadata)
    part.replace(path)


@torch.no_grad()
def read_state(
    path: Path,
    parameters: Mapping[str, nn.Parameter],
    average: Mapping[str, Tensor],
    optimisers: Sequence[torch.optim.Optimizer],
) -> tuple[int, float]:
    """Gives everything its values of a file that `write_state` wrote; returns the step and the seconds.

    Raises:
        InputError: the file is damaged, or the state of other networks.
    """
    owner = {value: each for each in optimisers for group in each.param_groups for value in group["params"]}
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata, keys = file.metadata(), set(file.keys())
            step, seconds = int(metadata["step"]), float(metadata["seconds"])
            for key, value in parameters.items():
                value.copy_(file.get_tensor(f"weights.{key}"))
                average[key].copy_(file.get_tensor(f"average.{key}"))
                moments = {name: file.get_tensor(f"{name}.{key}") for name in MOMENTS if f"{name}.{key}" in keys}
                if moments:
                    on_device = {name: tensor.to(value.device) for name, tensor in moments.items()}
                    owner[value].state[value] = {"step": torch.tensor(float(step)), **on_device}
    except (SafetensorError, OSError, KeyError, TypeError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        cure = "Move it away to begin this part anew."
        raise InputError(f"{path} is not the state of this training: {reason}.", cure) from error
    return step, seconds
