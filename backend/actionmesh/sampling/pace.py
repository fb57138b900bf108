"""Keeping the host in step with the device.

A card runs long after its work is submitted. Without a wait, all steps of a sampler would be counted before the
first is done.
"""

import torch


class Pace:
    """Holds the host at most one step ahead of a CUDA device; on other devices it does nothing.

    Progress is therefore true, a cancelled job stops within two steps, and the card never waits for its next step.
    """

    def __init__(self, device: torch.device):
        self._device = device
        self._last: torch.cuda.Event | None = None

    def step(self) -> None:
        """Wait for the previous step; call this after submitting a step to the device."""
        if self._device.type != "cuda":
            return
        given = torch.cuda.Event()
        given.record(torch.cuda.current_stream(self._device))
        if self._last is not None:
            self._last.synchronize()
        self._last = given
