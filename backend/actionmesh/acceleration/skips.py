"""U-Net skips between the two halves of a denoiser: on the device, or in main memory until they are needed.

Our own, because torch's `save_on_cpu` moves what the backward pass needs, and inference has none. Only the smallest
memory plan uses it: it is exact, tests run it on a fake card, and what it saves on a real one has not been measured.
"""

import torch
from torch import Tensor


class Skips:
    """A stack of tensors."""

    def __init__(self) -> None:
        self._kept: list[Tensor] = []

    def push(self, x: Tensor) -> None:
        self._kept.append(x)

    def pop(self) -> Tensor:
        return self._kept.pop()


class HostSkips:
    """A stack of tensors of one size in pinned main memory, copied on its own stream while the blocks compute.

    The device holds the skip that is leaving; later the one in use and the next one, which is fetched ahead. All
    others wait in main memory. At full size a skip is 134 MB for 16 frames, and there are ten; pinned memory is
    allocated in powers of two, 256 MB for each. No tensor that comes and goes is recorded on the copying stream.
    The allocator would keep its memory until it next checks whether that stream is done, which is many blocks later
    because the host runs ahead.
    """

    def __init__(self, device: torch.device):
        self._device = device
        self._stream = torch.cuda.Stream(device)
        self._waiting: list[Tensor] = []
        self._leaving: Tensor | None = None
        self._places: list[Tensor] = []
        self._fetched: Tensor | None = None

    def push(self, x: Tensor) -> None:
        """Start storing x. Work submitted after the next push may reuse its memory."""
        computing = torch.cuda.current_stream(self._device)
        computing.wait_stream(self._stream)  # for the previous skip, one block ago
        self._leaving = x
        host = torch.empty(x.shape, dtype=x.dtype, pin_memory=True)
        self._stream.wait_stream(computing)
        with torch.cuda.stream(self._stream):
            host.copy_(x, non_blocking=True)
        self._waiting.append(host)

    def pop(self) -> Tensor:
        """Return the last skip, on the device, and start fetching the one before it.

        The skip is valid until the next call.
        """
        skip = self._fetched if self._fetched is not None else self._fetch()
        torch.cuda.current_stream(self._device).wait_stream(self._stream)
        self._leaving = None
        self._fetched = self._fetch() if self._waiting else None
        return skip

    def _fetch(self) -> Tensor:
        """Start copying the last skip back, once the block that used its place is done.

        Two places on the device take turns.
        """
        host = self._waiting.pop()
        if len(self._places) < 2:
            place = torch.empty(host.shape, dtype=host.dtype, device=self._device)
            place.record_stream(self._stream)  # a forward pass that fails may leave during a copy
        else:
            place = self._places.pop(0)
        self._places.append(place)
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            place.copy_(host, non_blocking=True)
        return place


def skip_stack(device: torch.device, on_host: bool) -> Skips | HostSkips:
    """Return a new stack; skips go to the host only on CUDA, where the device has its own memory."""
    return HostSkips(device) if on_host and device.type == "cuda" else Skips()
