"""Save and restore a training in one safetensors file: weights, their average, optimiser states and progress.

The file does not depend on the number of processes; a training may continue with another number.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..errors import InputError

MOMENTS = ("exp_avg", "exp_avg_sq", "momentum_buffer")
"""The state of AdamW and Muon for every parameter."""


def write_state(
    path: Path,
    parameters: Mapping[str, nn.Parameter],
    average: Mapping[str, Tensor],
    optimisers: Sequence[torch.optim.Optimizer],
    step: int,
    seconds: float,
) -> None:
    """Write everything that a restart needs, atomically."""
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
    """Restore everything from a file that `write_state` wrote; return the step and the seconds.

    Raises:
        InputError: the file is damaged, or belongs to other networks.
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
        cure = "Move it elsewhere to start this part again from the beginning."
        raise InputError(f"{path} is not the state of this training: {reason}.", cure) from error
    return step, seconds
