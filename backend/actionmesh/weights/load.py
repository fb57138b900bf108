"""Load weights from safetensors files into networks: checked by name and shape, cast once."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

import torch
from safetensors import safe_open
from torch import Tensor, nn

from ..errors import CheckpointError
from ..intake import regular_file
from .tensor_file import readable, twice

Network = TypeVar("Network", bound=nn.Module)


class Shaped(Protocol):
    """A tensor, or a stand-in for one that has not been read yet."""

    @property
    def shape(self) -> tuple[int, ...]: ...


def read_tensors(path: Path, rename: Callable[[str], str] = str) -> dict[str, Tensor]:
    """Return the memory-mapped tensors of a safetensors file, by their names after `rename`.

    Raises:
        CheckpointError: the file is missing, truncated or not safetensors, or two of its names become the same.
    """
    with readable(path), safe_open(str(regular_file(path)), framework="pt") as file:
        names = list(file.keys())
        tensors = {rename(name): file.get_tensor(name) for name in names}
    if len(tensors) < len(names):
        raise twice(path)
    return tensors


def build(
    make: Callable[[], Network], tensors: Mapping[str, Tensor], source: str, device: str, dtype: torch.dtype
) -> Network:
    """Build a network on the meta device and give it `tensors`, cast to `dtype` and moved to `device`.

    Integer tensors keep their type.

    Raises:
        CheckpointError: a tensor is missing, extra or misshapen; the first three are named.
    """
    with torch.device("meta"):
        network = make()
    check_tensors(network.state_dict(), tensors, source)
    moved = {
        name: tensor.to(device=device, dtype=dtype if tensor.is_floating_point() else tensor.dtype, copy=True)
        for name, tensor in tensors.items()
    }
    network.load_state_dict(moved, strict=True, assign=True)
    return network.eval().requires_grad_(False)


def check_tensors(expected: Mapping[str, Shaped], found: Mapping[str, Shaped], source: str) -> None:
    """Raise CheckpointError unless `found` has exactly the names and shapes of `expected`."""
    faults = [f"{name} is missing" for name in expected if name not in found]
    faults += [f"{name} is not expected" for name in found if name not in expected]
    faults += [
        f"{name} is {tuple(found[name].shape)} instead of {tuple(expected[name].shape)}"
        for name in expected
        if name in found and found[name].shape != expected[name].shape
    ]
    if faults:
        more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
        raise CheckpointError(
            f"{source} does not fit its config.json: {'; '.join(faults[:3])}{more}.", "Download the checkpoint again."
        )
