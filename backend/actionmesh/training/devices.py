"""Choose the device and precision of training with Hugging Face `accelerate`, the same way for one process or many.

Only training needs `accelerate`; it is imported when training begins.
"""

from typing import TYPE_CHECKING

import torch

from ..errors import InputError

if TYPE_CHECKING:
    from accelerate import Accelerator

COPIES = ("NO", "MULTI_CPU", "MULTI_GPU", "MULTI_XPU", "MULTI_NPU", "MULTI_MLU", "MULTI_SDAA", "MULTI_MUSA")
"""Kinds of launch in which every process has a whole copy of the network; the others split it."""


def make_accelerator(device: str = "auto", precision: str = "auto") -> "Accelerator":
    """Return an Accelerator for this process, as set up by `accelerate launch` or without it.

    Args:
        device: "auto" takes the accelerator of this process if there is one; "cpu" never does.
        precision: "bf16" (autocast), "no" (float32), or "auto": bf16 if the device multiplies it fast.

    Raises:
        InputError: `accelerate` is not installed, or the launch splits the network over processes.
    """
    try:
        from accelerate import Accelerator, DistributedDataParallelKwargs, PartialState
    except ImportError as error:
        cure = "Install backend/requirements-dev.txt."
        raise InputError("Training needs Hugging Face accelerate, which is not installed.", cure) from error
    # cpu must be explicit: only then does accelerate detect several CPU processes
    cpu = device == "cpu" or not torch.accelerator.is_available()
    state = PartialState(cpu=cpu)
    if state.distributed_type.name not in COPIES:
        cure = "Launch it with --multi_gpu, without FSDP, DeepSpeed or Megatron."
        raise InputError(f"Training cannot run under {state.distributed_type.name}.", cure)
    if precision == "auto":
        precision = "bf16" if multiplies_bf16(state.device) else "no"
    copies = DistributedDataParallelKwargs(gradient_as_bucket_view=True)
    return Accelerator(cpu=cpu, mixed_precision=precision, kwargs_handlers=[copies])


def multiplies_bf16(device: torch.device) -> bool:
    """Return whether bfloat16 is faster than float32: on GPUs since Ampere, and on CPUs with AMX or AVX512-BF16."""
    if device.type == "cuda":
        with torch.cuda.device(device):  # is_bf16_supported asks the current device
            return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        able = torch.cpu.get_capabilities()
        return bool(able.get("amx_bf16") or able.get("avx512_bf16"))
    return False
