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
    """The same in pinned main memory, copied both ways on a stream of its own while the blocks compute.

    On the device are the skip in use and the next one, which is fetched ahead; all others wait. At full size a skip is
    134 MB for 16 frames, and there are ten.
    """

    def __init__(self, device: torch.device):
        self._device = device
        self._stream = torch.cuda.Stream(device)
        self._waiting: list[Tensor] = []
        self._fetched: Tensor | None = None

    def push(self, x: Tensor) -> None:
        """Begins to store x; its memory is free when that is done."""
        host = torch.empty(x.shape, dtype=x.dtype, pin_memory=True)
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            host.copy_(x, non_blocking=True)
        x.record_stream(self._stream)
        self._waiting.append(host)

    def pop(self) -> Tensor:
        """The last skip, on the device; the one before it is already on its way afterwards."""
        skip = self._fetched if self._fetched is not None else self._fetch()
        torch.cuda.current_stream(self._device).wait_stream(self._stream)
        self._fetched = self._fetch() if self._waiting else None
        return skip

    def _fetch(self) -> Tensor:
        """Begins to bring the last skip back.

        The memory is the computing stream's, so that it goes back to it; the copy waits until that stream has left it.
        """
        host = self._waiting.pop()
        x = torch.empty(host.shape, dtype=host.dtype, device=self._device)
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            x.copy_(host, non_blocking=True)
        x.record_stream(self._stream)
        return x


def skip_stack(device: torch.device, on_host: bool) -> Skips | HostSkips:
    """A new stack; only CUDA has a memory of its own that is worth leaving."""
    return HostSkips(device) if on_host and device.type == "cuda" else Skips()
