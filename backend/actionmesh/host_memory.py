"""Main memory of the worker: a limit of its own, and what the allocator keeps given back to the system.

The limit is on what the process may write to (RLIMIT_DATA, Linux): one on its addresses would count what CUDA reserves and
never touches. At the limit an allocation fails, which ends the job with a sentence; without it the system would end the
worker, or Blender. Other systems have no such limit.
"""

import ctypes
import gc
import os
import sys
from contextlib import suppress
from functools import cache
from typing import Any

VARIABLE = "ACTIONMESH_WORKER_MEMORY"
"""GB that the worker may take of main memory; 0 is no limit."""
SHARE = 0.9
"""Of the machine's memory, or its container's, that the worker may take by default."""
LEAST = 4 << 30
"""Bytes that it may take on any machine: libraries reserve more than they use."""
CARD = "/dev/nvidiactl"
RESERVED_FOR_CARD = 16 << 30
"""Bytes that a card's driver may reserve of main memory without using them."""
CONTAINER_LIMIT = "/sys/fs/cgroup/memory.max"
FIRST_TO_END = 500
"""What is added to the kernel's score by which it chooses a process to end when memory runs out: not Blender's unsaved work."""
ARENAS = 2
"""In which glibc allocates: by default there are eight for each core, and each keeps what its threads free."""
M_ARENA_MAX = -8
MADV_DONTNEED = 4


def settle() -> None:
    """Set how this process takes memory, before it has any threads."""
    if (libc := _glibc()) is not None:
        libc.mallopt(M_ARENA_MAX, ARENAS)
    with suppress(OSError):
        if sys.platform == "linux":
            with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
                file.write(str(FIRST_TO_END))
    _limit(allowed(os.environ.get(VARIABLE, "")))


def give_back() -> None:
    """Free what only cycles hold, and return what the allocator keeps to the system."""
    gc.collect()
    if (libc := _glibc()) is not None:
        libc.malloc_trim(0)


def leave_code() -> None:
    """Unmap the pages of libraries' code that were touched (Linux): they come back from their files when they run again.

    Only pages that nobody has written to are left, and of mappings that nobody can write to.
    """
    libc = _glibc()
    with suppress(OSError, ValueError):
        for start, size in _code() if libc is not None else ():
            libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), MADV_DONTNEED)


def _code() -> list[tuple[int, int]]:
    """Return the address and size of every mapping of a library's code as it is in its file."""
    found: list[tuple[int, int]] = []
    start = -1
    with open("/proc/self/smaps", encoding="utf-8", errors="replace") as file:
        for line in file:
            fields = line.split()
            if len(fields) > 5 and fields[1] == "r-xp" and fields[5].startswith("/") and ".so" in fields[5]:
                start, end = (int(address, 16) for address in fields[0].split("-"))
                found.append((start, end - start))
            elif fields[0] == "Anonymous:" and fields[1] != "0" and found and found[-1][0] == start:
                found.pop()
            elif len(fields) > 4 and "-" in fields[0]:
                start = -1
    return found


def allowed(chosen: str) -> int | None:
    """Return the bytes that the worker may take, None without a limit.

    Args:
        chosen: what `VARIABLE` holds; what is no number is taken for nothing.
    """
    with suppress(ValueError, OverflowError):
        wanted = int(float(chosen) * 10**9)
        return wanted if wanted > 0 else None
    total = memory_of_machine()
    if total is None:
        return None
    return max(LEAST, int(SHARE * total)) + (RESERVED_FOR_CARD if os.path.exists(CARD) else 0)


def memory_of_machine() -> int | None:
    """Return the bytes of main memory, or of the container's share of it; None where the system does not tell."""
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
    with suppress(OSError, ValueError), open(CONTAINER_LIMIT, encoding="ascii") as file:
        total = min(total, int(file.read()))
    return total


def _limit(size: int | None) -> None:
    if size is None or sys.platform != "linux":
        return
    import resource

    with suppress(ValueError, OSError):
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        size = size if most == resource.RLIM_INFINITY else min(size, most)
        resource.setrlimit(resource.RLIMIT_DATA, (size, most))


@cache
def _glibc() -> Any:
    """Return the C library if it is glibc; None elsewhere."""
    if sys.platform != "linux":
        return None
    with suppress(OSError):
        libc = ctypes.CDLL(None)
        if hasattr(libc, "malloc_trim") and hasattr(libc, "mallopt"):
            return libc
    return None
