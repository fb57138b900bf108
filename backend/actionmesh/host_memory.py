"""Main memory of the worker: a limit of its own, and returning what the allocator keeps to the system.

The limit is on writable memory (RLIMIT_DATA, Linux); a limit on addresses would count what CUDA reserves and never
touches. At the limit an allocation fails, which stops the job with a sentence. Without it the system would kill the
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
"""GB of main memory that the worker may take; 0 means no limit."""
SHARE = 0.9
"""Share of the machine's memory, or its container's, that the worker may take by default."""
LEAST = 4 << 30
"""Bytes that it may take on any machine, because libraries reserve more than they use."""
CARD = "/dev/nvidiactl"
RESERVED_FOR_CARD = 16 << 30
"""Bytes of main memory that a card's driver may reserve without using them."""
CONTAINER_LIMIT = "/sys/fs/cgroup/memory.max"
FIRST_TO_END = 500
"""Added to the score by which the kernel chooses a process to kill when memory runs out: the worker rather than
Blender, which may hold unsaved work."""
ARENAS = 2
"""Number of glibc's arenas. By default there are eight for each core, and each keeps what its threads free."""
M_ARENA_MAX = -8
MADV_DONTNEED = 4


def settle() -> None:
    """Configure how this process takes memory, before it has any threads."""
    if (libc := _glibc()) is not None:
        libc.mallopt(M_ARENA_MAX, ARENAS)
    with suppress(OSError):
        if sys.platform == "linux":
            with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
                file.write(str(FIRST_TO_END))
    _limit(allowed(os.environ.get(VARIABLE, "")))


def give_back() -> None:
    """Free objects that only reference cycles hold, and return what the allocator keeps to the system."""
    gc.collect()
    if (libc := _glibc()) is not None:
        libc.malloc_trim(0)


def leave_code() -> None:
    """Unmap the pages of libraries' code that were touched (Linux); they are read from their files when needed again.

    Only unmodified pages of mappings without write permission are unmapped.
    """
    libc = _glibc()
    with suppress(OSError, ValueError):
        for start, size in _code() if libc is not None else ():
            libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), MADV_DONTNEED)


def _code() -> list[tuple[int, int]]:
    """Return the address and size of every mapping of a library's code that is unchanged from its file."""
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
    """Return the bytes that the worker may take; None means no limit.

    Args:
        chosen: the value of `VARIABLE`; text that is not a number counts as not set.
    """
    with suppress(ValueError, OverflowError):
        wanted = int(float(chosen) * 10**9)
        return wanted if wanted > 0 else None
    total = memory_of_machine()
    if total is None:
        return None
    return max(LEAST, int(SHARE * total)) + (RESERVED_FOR_CARD if os.path.exists(CARD) else 0)


def memory_of_machine() -> int | None:
    """Return the bytes of main memory, or of the container's limit; None if the system does not report it."""
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
