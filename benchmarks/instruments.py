"""What the benchmarks measure with: clocks, memory, and a device's own rate of multiplying matrices."""

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
"""Of matrices, between two looks at the clock."""


def now() -> np.ndarray:
    """Seconds by the clock, and of the processor in this process."""
    return np.array([time.perf_counter(), time.process_time()])


def peak_memory() -> float:
    """Peak resident memory of this process so far, MB.

    On Linux by the kernel's mark of this program: that of `getrusage` begins with the parent's.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1e3
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


def synchronise(device: torch.device) -> None:
    """Waits until the device has done all that it was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def start_memory(device: torch.device) -> None:
    """From here on `memory` tells the peak, where the device can say it."""
    synchronise(device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def memory(device: torch.device) -> dict[str, float]:
    """MB: the peak of what tensors took and of what torch held for them; elsewhere the process's peak so far."""
    if device.type != "cuda":
        return {"peak_mb": peak_memory()}
    return {
        "peak_mb": torch.cuda.max_memory_allocated(device) / 1e6,
        "reserved_mb": torch.cuda.max_memory_reserved(device) / 1e6,
    }


def clock(device: torch.device) -> float:
    """Seconds, when the device has done all that it was asked for.

    Of the clock; on the CPU of the processor, over all threads and finished child processes, in hundredths: there other
    programs lengthen the clock's time.
    """
    synchronise(device)
    return sum(os.times()[:4]) if device.type == "cpu" else time.perf_counter()


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """Seconds that `work` takes."""
    start = clock(device)
    work()
    return clock(device) - start


def matrix_rate(device: torch.device, dtype: torch.dtype, seconds: float = 1.0) -> float:
    """TFLOP/s of products of square matrices of random numbers: the median over about `seconds`, after a warm-up of as long.

    Random, since a card draws less power on zeros, and then runs faster than it ever does at work.
    """
    side = MATRIX_SIDE[device.type]
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))

    def several() -> None:
        for _ in range(PRODUCTS):
            left @ right

    several()  # libraries start at the first product, which takes many times as long
    rounds = max(1, int(seconds / max(1e-3, seconds_of(several, device))))
    for _ in range(rounds):
        several()
    times = [seconds_of(several, device) for _ in range(rounds)]
    return PRODUCTS * 2 * side**3 / float(np.median(times)) / 1e12


def device_name(device: torch.device) -> str:
    """Such as "NVIDIA H100 80GB HBM3", or the processor's name and how many threads are used."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return f"{platform.machine()} (MPS)"
    return f"{processor_name()}, {torch.get_num_threads()} thread{'s' * (torch.get_num_threads() > 1)}"


def processor_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        if names:
            return names[0]
    if sys.platform == "darwin":
        return subprocess.check_output(["sysctl", "-n", "machdep.cpu.brand_string"], text=True).strip()
    return platform.processor() or platform.machine()
