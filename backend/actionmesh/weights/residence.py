"""Which networks are on the device: all of them, or the one that computes while the others wait or are dropped."""

import torch
from torch import nn

from .memory import free_main_memory
from .waiting import Waiting

ROOM = 1.2
"""Times a network's own bytes that main memory must have left for it to wait there."""


class Residence:
    """The networks that were loaded, by name.

    A network that leaves a card waits in main memory where there is room. From the CPU and from Apple's GPU, whose memory
    that is, it is dropped, and has to be loaded again: the system may have kept its file.
    """

    def __init__(self, device: torch.device):
        self._device = device
        self._networks: dict[str, nn.Module] = {}
        self._waiting: dict[str, Waiting] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._networks

    def add(self, name: str, network: nn.Module) -> None:
        """Takes a network that is on the device."""
        self._networks[name] = network

    def enter(self, name: str) -> nn.Module:
        """A network, on the device."""
        if name in self._waiting:
            self._waiting[name].enter(self._device)
        return self._networks[name]

    def leave_room(self, name: str) -> None:
        """All but the network of this name leave the device."""
        present = [other for other in self._networks if other != name and not self._is_away(other)]
        for other in present:
            self._leave(other)
        if present:
            release_memory(self._device)

    def clear(self) -> None:
        """Frees all networks, those that wait too."""
        self._networks.clear()
        self._waiting.clear()
        release_memory(self._device)
        if self._device.type == "cuda":  # torch keeps pinned memory as it keeps a card's: gigabytes, where networks waited
            torch.accelerator.empty_host_cache()

    def held(self) -> dict[str, int]:
        """Bytes of each network."""
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


def bytes_of(network: nn.Module) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values())


def release_memory(device: torch.device) -> None:
    """Gives what the allocator holds unused back to the device."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
