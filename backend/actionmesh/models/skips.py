"""U-Net skips between the two halves of a denoiser: on the device, or in main memory until they are needed."""

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
    """The same in pinned main memory, copied both ways on a stream of its own while the blocks compute; all of one size.

    On the device are the skip that is leaving, later the one in use and the next one, which is fetched ahead; all others wait.
    At full size a skip is 134 MB for 16 frames, and there are ten; pinned memory comes in powers of two, 256 MB for each.
    No tensor that comes and goes is recorded on the copying stream: the allocator would keep its memory until it happens to
    look whether that stream is done, which is many blocks later, as the host runs ahead.
    """

    def __init__(self, device: torch.device):
        self._device = device
        self._stream = torch.cuda.Stream(device)
        self._waiting: list[Tensor] = []
        self._leaving: Tensor | None = None
        self._places: list[Tensor] = []
        self._fetched: Tensor | None = None

    def push(self, x: Tensor) -> None:
        """Begins to store x; what is computed after the next push may use its memory."""
        computing = torch.cuda.current_stream(self._device)
        computing.wait_stream(self._stream)  # for the skip before, a block ago
        self._leaving = x
        host = torch.empty(x.shape, dtype=x.dtype, pin_memory=True)
        self._stream.wait_stream(computing)
        with torch.cuda.stream(self._stream):
            host.copy_(x, non_blocking=True)
        self._waiting.append(host)

    def pop(self) -> Tensor:
        """The last skip, on the device, valid until the next is asked for; the one before it is on its way afterwards."""
        skip = self._fetched if self._fetched is not None else self._fetch()
        torch.cuda.current_stream(self._device).wait_stream(self._stream)
        self._leaving = None
        self._fetched = self._fetch() if self._waiting else None
        return skip

    def _fetch(self) -> Tensor:
        """Begins to bring the last skip back, into one of two places in turn, once the block that used it is done."""
        host = self._waiting.pop()
        if len(self._places) < 2:
            place = torch.empty(host.shape, dtype=host.dtype, device=self._device)
            place.record_stream(self._stream)  # a forward pass that fails leaves while a copy may still be under way
        else:
            place = self._places.pop(0)
        self._places.append(place)
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            place.copy_(host, non_blocking=True)
        return place


def skip_stack(device: torch.device, on_host: bool) -> Skips | HostSkips:
    """A new stack; only CUDA has a memory of its own that is worth leaving."""
    return HostSkips(device) if on_host and device.type == "cuda" else Skips()
