"""Measuring instruments of the benchmarks: clocks, memory, and a device's rate of matrix products."""

import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

MATRIX_SIDE = {"cuda": 8192, "mps": 4096, "cpu": 1024}
PRODUCTS = 10
"""Matrix products between two readings of the clock."""


def now() -> np.ndarray:
    """Return wall-clock seconds, and processor seconds of this process."""
    return np.array([time.perf_counter(), time.process_time()])


def peak_memory() -> float:
    """Return the peak resident memory of this process so far, in MB.

    On Linux it is the kernel's VmHWM: `getrusage` starts from the parent's peak.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1e3
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


def synchronise(device: torch.device) -> None:
    """Wait until the device has finished all its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def start_memory(device: torch.device) -> None:
    """Reset the peak that `memory` reports, if the device supports it."""
    synchronise(device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def memory(device: torch.device) -> dict[str, float]:
    """Return peaks in MB: of allocated tensors and of torch's reserved memory on CUDA, else of the process so far."""
    if device.type != "cuda":
        return {"peak_mb": peak_memory()}
    return {
        "peak_mb": torch.cuda.max_memory_allocated(device) / 1e6,
        "reserved_mb": torch.cuda.max_memory_reserved(device) / 1e6,
    }


def clock(device: torch.device) -> float:
    """Return seconds, once the device has finished all its work.

    On a GPU this is wall-clock time. On the CPU it is processor time over all threads and finished child processes, in
    hundredths of a second, because other programs affect the wall clock.
    """
    synchronise(device)
    return sum(os.times()[:4]) if device.type == "cpu" else time.perf_counter()


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """Return the seconds that `work` takes."""
    start = clock(device)
    work()
    return clock(device) - start


def matrix_rate(device: torch.device, dtype: torch.dtype, seconds: float = 1.0) -> float:
    """Return TFLOP/s for products of random square matrices: the median over about `seconds`, after an equal warm-up.

    The numbers are random because a card draws less power on zeros, and then runs faster than with real work.
    """
    side = MATRIX_SIDE[device.type]
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))

    def several() -> None:
        for _ in range(PRODUCTS):
            left @ right

    several()  # the first product initialises libraries and takes much longer
    rounds = max(1, int(seconds / max(1e-3, seconds_of(several, device))))
    for _ in range(rounds):
        several()
    times = [seconds_of(several, device) for _ in range(rounds)]
    return PRODUCTS * 2 * side**3 / float(np.median(times)) / 1e12


def device_name(device: torch.device) -> str:
    """Return a name such as "NVIDIA H100 80GB HBM3", or the processor's name and the number of threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return f"{platform.machine()} (MPS)"
    return f"{processor_name()}, {torch.get_num_threads()} thread{'s' * (torch.get_num_threads() > 1)}"


def processor_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        if names:
            return names[0]
    if sys.platform == "darwin":
        return subprocess.check_output(["sysctl", "-n", "machdep.cpu.brand_string"], text=True).strip()
    return platform.processor() or platform.machine()
