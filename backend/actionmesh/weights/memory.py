"""How much memory a device has left for networks."""

import psutil
import torch


def free_memory(device: torch.device) -> int:
    """Bytes that this process may still take of a device.

    On a card that is what the driver has left, or this process under `torch.cuda.set_per_process_memory_fraction` if that is
    less, with what the allocator holds unused. The CPU and Apple's GPU live in main memory.
    """
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        reserved = torch.cuda.memory_reserved(device)
        number = torch.cuda.current_device() if device.index is None else device.index  # the fraction is not told without one
        allowed = int(total * torch.cuda.get_per_process_memory_fraction(number)) - reserved
        return max(0, min(free, allowed)) + reserved - torch.cuda.memory_allocated(device)
    available = free_main_memory()
    if device.type == "mps":
        return min(available, torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return available


def free_main_memory() -> int:
    """Bytes of main memory that are available."""
    return psutil.virtual_memory().available
