"""What this machine offers: versions, devices with their memory, checkpoints. Imports PyTorch."""

import platform

import psutil
import torch

from . import __version__
from .errors import CheckpointError
from .protocol import Checkpoint, Device
from .weights.checkpoints import CheckpointInfo, find_checkpoints, open_checkpoint


def versions() -> dict[str, str]:
    return {"actionmesh": __version__, "python": platform.python_version(), "torch": str(torch.__version__)}


def devices() -> tuple[Device, ...]:
    """Return the CPU and every accelerator that PyTorch can use, by the names that a `Runtime` takes."""
    memory = psutil.virtual_memory()
    processor = f"{platform.machine()}, compute threads: {torch.get_num_threads()}"
    cpu = Device("cpu", processor, memory.total, memory.available)
    return (cpu, *map(_cuda_device, range(torch.cuda.device_count())), *_metal_devices())


def checkpoints() -> tuple[Checkpoint, ...]:
    """Return every installed checkpoint, complete or not."""
    return tuple(map(_checkpoint, find_checkpoints()))


def _checkpoint(info: CheckpointInfo) -> Checkpoint:
    """Describe a checkpoint, with its licence on one line if it is complete."""
    missing, licence = info.missing, ""
    if not missing:
        try:
            licence = " ".join(str(open_checkpoint(info.path).settings.licence).split())
        except (CheckpointError, OSError):
            missing = ("a checkpoint.json that can be read",)
    return Checkpoint(info.name, str(info.path), info.kind, info.bytes, missing, licence)


def _cuda_device(index: int) -> Device:
    """Describe a card; a full or broken one that does not answer is listed too."""
    name = f"cuda:{index}"
    try:
        free, total = torch.cuda.mem_get_info(index)
        return Device(name, torch.cuda.get_device_name(index), total, free)
    except RuntimeError as error:
        return Device(name, f"does not answer ({str(error).splitlines()[0]:.80})", None, None)


def _metal_devices() -> list[Device]:
    if not torch.backends.mps.is_available():
        return []
    total = torch.mps.recommended_max_memory()
    return [Device("mps", "Apple GPU", total, total - torch.mps.driver_allocated_memory())]
