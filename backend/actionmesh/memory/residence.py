"""Which networks are on the device: all of them, or only the computing one, while the others wait or are dropped.

Inference does not change weights, so a copy in main memory stays valid: leaving a card again takes no time. That is
why this is our own: of accelerate's hooks, the one for whole models copies the weights back each time a network leaves,
and the one for layers fetches them anew in every step. Exact, and tested on a fake card; no card has timed any of them.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from .plan import free_main_memory

ROOM = 1.2
"""A network waits in main memory only if this many times its own bytes are available there."""


class Residence:
    """The loaded networks, by name.

    A network that leaves a card waits in main memory if there is room. On the CPU and on Apple's GPU, which use main
    memory themselves, it is dropped and has to be loaded again; the system may have cached its file.
    """

    def __init__(self, device: torch.device):
        self._device = device
        self._networks: dict[str, nn.Module] = {}
        self._waiting: dict[str, Waiting] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._networks

    def add(self, name: str, network: nn.Module) -> None:
        """Add a network that is on the device."""
        self._networks[name] = network

    def enter(self, name: str) -> nn.Module:
        """Return a network, on the device."""
        if name in self._waiting:
            self._waiting[name].enter(self._device)
        return self._networks[name]

    def leave_room(self, name: str) -> None:
        """Remove every network except this one from the device."""
        present = [other for other in self._networks if other != name and not self._is_away(other)]
        for other in present:
            self._leave(other)
        if present:
            release_memory(self._device)

    def drop(self, name: str) -> None:
        """Free a network, on the device or where it waits, if it is loaded."""
        if self._networks.pop(name, None) is not None:
            self._waiting.pop(name, None)
            self._give_back()

    def clear(self) -> None:
        """Free all networks, including those that wait."""
        self._networks.clear()
        self._waiting.clear()
        self._give_back()

    def held(self) -> dict[str, int]:
        """Return the bytes of each network."""
        return {name: bytes_of(network) for name, network in self._networks.items()}

    def _is_away(self, name: str) -> bool:
        return name in self._waiting and self._waiting[name].away

    def _leave(self, name: str) -> None:
        network = self._networks[name]
        if name not in self._waiting:
            if self._device.type != "cuda" or ROOM * bytes_of(network) > free_main_memory():
                del self._networks[name]
                return
            self._waiting[name] = Waiting(network)
        self._waiting[name].leave()

    def _give_back(self) -> None:
        """Return the memory of freed networks to the device and to main memory."""
        release_memory(self._device)
        if self._device.type == "cuda":
            # torch caches pinned memory as it does a card's: gigabytes, if networks waited there
            torch.accelerator.empty_host_cache()


class Waiting:
    """A network and its copy in main memory, made when it first leaves its device; `away` says whether it has left."""

    def __init__(self, network: nn.Module):
        self._network = network
        self._copies: list[Tensor] = []
        self.away = False

    def leave(self) -> None:
        """Move the weights off the device."""
        if self.away:
            return
        if not self._copies:
            self._copies = [to_pinned(tensor) for _, _, tensor in tensors_of(self._network)]
        self._place(self._copies)
        self.away = True

    def enter(self, device: torch.device) -> None:
        """Bring the weights back; the copies are asynchronous, on the computing stream."""
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
    """Yield every parameter and buffer of a network once, with the module that holds it and its name there."""
    seen: set[int] = set()
    for module in network.modules():
        for name, tensor in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
            if id(tensor) not in seen:
                seen.add(id(tensor))
                yield module, name, tensor


def to_pinned(tensor: Tensor) -> Tensor:
    """Return a copy in main memory, pinned if the tensor comes from a CUDA device."""
    copy = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=tensor.is_cuda)
    return copy.copy_(tensor.detach())


def bytes_of(network: nn.Module) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values())


def release_memory(device: torch.device) -> None:
    """Return what the allocator holds unused to the device."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
