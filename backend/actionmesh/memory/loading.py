"""Load a network from its file straight onto a device."""

from collections.abc import Callable
from pathlib import Path
from threading import Event

import torch

from ..weights.load import Network, check_tensors
from ..weights.precision import TypeOf
from ..weights.tensor_file import read_entries
from .streaming import stream_tensors


def load(
    make: Callable[[], Network],
    path: Path,
    rename: Callable[[str], str],
    device: torch.device,
    type_of: TypeOf,
    stop: Event,
) -> Network:
    """Build a network on the meta device and read its tensors from a file onto `device` (the CPU or CUDA).

    Args:
        type_of: the type that each floating-point tensor is cast to.
        stop: stops the reading once it is set.
    Raises:
        CheckpointError: the file is missing or damaged, or a tensor is missing, extra or misshapen; the first three are
            named.
        Stopped: because `stop` was set.
    """
    entries = read_entries(path, rename)
    with torch.device("meta"):
        network = make()
    check_tensors(network.state_dict(), entries, str(path))
    network.load_state_dict(stream_tensors(path, entries, device, type_of, stop), strict=True, assign=True)
    return network.eval().requires_grad_(False)
