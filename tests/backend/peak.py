"""The peak of a process's memory."""

import resource
import sys
from pathlib import Path


def peak_megabytes() -> float:
    """Return the peak resident memory of this process so far.

    On Linux `getrusage` starts from the peak of the process that started this one; the kernel's VmHWM does not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)
