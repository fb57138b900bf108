"""A card computes long after it was told to: without a wait, all steps of a sampler would be counted before the first is done."""

import torch


class Pace:
    """Holds the host at most one step ahead of a CUDA device; elsewhere there is nothing to wait for.

    So progress is true, a cancelled job stops within two steps, and the card never waits for its next one.
    """

    def __init__(self, device: torch.device):
        self._device = device
        self._last: torch.cuda.Event | None = None

    def step(self) -> None:
        """Called after a step was given to the device: waits for the one before."""
        if self._device.type != "cuda":
            return
        given = torch.cuda.Event()
        given.record(torch.cuda.current_stream(self._device))
        if self._last is not None:
            self._last.synchronize()
        self._last = given
