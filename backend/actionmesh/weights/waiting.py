"""Networks that leave their device and come back: their weights wait in main memory, pinned, and are never copied twice.

What runs does not change weights, so that a copy in main memory serves for good: leaving a device takes no time.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn


class Waiting:
    """A network and its copy in main memory, which is made when it first leaves its device; `away` tells whether it has left."""

    def __init__(self, network: nn.Module):
        self._network = network
        self._copies: list[Tensor] = []
        self.away = False

    def leave(self) -> None:
        """Frees the device."""
        if self.away:
            return
        if not self._copies:
            self._copies = [to_pinned(tensor) for _, _, tensor in tensors_of(self._network)]
        self._place(self._copies)
        self.away = True

    def enter(self, device: torch.device) -> None:
        """Brings the weights back; the copies are asynchronous, on the stream that computes."""
        if self.away:
            self._place([copy.to(device, non_blocking=True) for copy in self._copies])
            self.away = False

    def _place(self, tensors: list[Tensor]) -> None:
        for (module, name, held), tensor in zip(list(tensors_of(self._network)), tensors, strict=True):
            if isinstance(held, nn.Parameter):
                held.data = tensor
            else:
                setattr(module, name, tensor)


def tensors_of(network: nn.Module) -> Iterator[tuple[nn.Module, str, Tensor]]:
    """Every parameter and buffer of a network, once, with the module that holds it and its name there."""
    seen: set[int] = set()
    for module in network.modules():
        for name, tensor in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
            if id(tensor) not in seen:
                seen.add(id(tensor))
                yield module, name, tensor


def to_pinned(tensor: Tensor) -> Tensor:
    """A copy in main memory, pinned where the tensor comes from a CUDA device."""
    copy = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=tensor.is_cuda)
    return copy.copy_(tensor.detach())
