"""Where a checkpoint's networks run: the device, the type of most weights, and the memory plan."""

from collections.abc import Sequence

import torch

from ..errors import InputError
from ..weights.checkpoints import Checkpoint
from .needs import needs_of
from .plan import AUTO, PLANS, MemoryPlan, choose_plan, free_memory, lighter, on_device, plan_named


class Runtime:
    """A device, with the memory plan for a checkpoint on it.

    Args:
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        memory: the name of a plan, or "auto" to choose one by the device's free memory when the plan is first needed.
    Raises:
        InputError: the device or the plan does not exist.
    """

    def __init__(self, checkpoint: Checkpoint, device: str = "auto", memory: str = AUTO):
        self.device = choose_device(device)
        self.dtype = run_dtype(self.device)
        self.retried_for_memory = False
        self._checkpoint = checkpoint
        self._chooses = memory == AUTO
        self._plan = None if self._chooses else on_device(plan_named(memory), self.device)

    @property
    def plan(self) -> MemoryPlan:
        """The memory plan. Raises CheckpointError if it has to be chosen and the checkpoint is damaged."""
        if self._plan is None:
            self._plan = self._fitting(PLANS)
        return self._plan

    @plan.setter
    def plan(self, plan: MemoryPlan) -> None:
        """Set the plan, before any network is loaded."""
        self._plan = plan

    @property
    def can_lighten(self) -> bool:
        """Whether a job that ran out of memory may continue with a smaller plan: once, and if there is one."""
        return not self.retried_for_memory and bool(lighter(self.plan))

    def lighten(self) -> None:
        """Take a smaller plan; later jobs use it too.

        After a plan that the user named, that is the next one; otherwise it is chosen again by the memory that is free
        now, which other programs may have taken.
        """
        smaller = lighter(self.plan)
        self._plan = self._fitting(smaller) if self._chooses else on_device(smaller[0], self.device)
        self.retried_for_memory = True

    def _fitting(self, plans: Sequence[MemoryPlan]) -> MemoryPlan:
        """Return the roomiest of some plans that the device has memory for."""
        needs = needs_of(self._checkpoint, self.dtype)
        return on_device(choose_plan(free_memory(self.device), needs.bytes_of, plans), self.device)


def choose_device(name: str) -> torch.device:
    """Return the device of this name; "auto" is the first available of CUDA, MPS and the CPU.

    Raises:
        InputError: the device does not exist.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        if device.type not in ("cpu", "cuda", "mps"):
            raise RuntimeError(f"{device.type} computes nothing")
        torch.empty(0, device=device)
        return device
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"There is no device {name!r} on this machine.", "Use auto or cpu.") from error


def run_dtype(device: torch.device) -> torch.dtype:
    """Return the type that most weights are cast to: bfloat16 or float16, float32 on the CPU; see `precision`.

    Cards before Ampere only emulate bfloat16, without its products in hardware: they get float16.
    """
    if device.type == "cuda":
        with torch.cuda.device(device):  # the query is about the current device
            return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return torch.float16 if device.type == "mps" else torch.float32
