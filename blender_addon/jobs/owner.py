"""Record in a lock's file which process holds it, so that an owner that has certainly ended is recognised at once.

A lock alone is not always enough: a child may have inherited it, and some file systems have no locks. A process id
alone is not enough either: another process may have it by now, and in a sandbox it means something else. So the
machine, its boot id, the namespace and the start time of the process are recorded with it. If one of them is unknown,
the owner may be alive.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from ..reading import number, parse_json

LONGEST = 1000
"""Maximum bytes of an owner's record."""
DEAD = {"Z", "X", "x"}
"""States of processes that have ended but were not reaped yet."""


def this_process() -> bytes:
    """Return a record of this process, one line of JSON."""
    return json.dumps({**_machine(), "pid": os.getpid(), "start": _start(os.getpid())}).encode()


def is_gone(account: bytes) -> bool:
    """Return whether the process of a record has certainly ended."""
    try:
        told = parse_json(account[:LONGEST])
        pid = int(number(told["pid"], 1, 2**40))
    except (ValueError, KeyError, TypeError):
        return False
    here = _machine()
    if not here.get("machine") or told.get("machine") != here["machine"]:
        return False
    if told.get("boot") != here["boot"]:
        return bool(told.get("boot") and here["boot"])
    if told.get("namespace") != here["namespace"] or not told.get("start"):
        return False
    return _start(pid) != told["start"]


def _machine() -> dict[str, Any]:
    """Return what identifies the scope of a process id; empty if this system does not tell."""
    if not sys.platform.startswith("linux"):
        return {}
    return {
        "machine": _text("/etc/machine-id") or os.uname().nodename,
        "boot": _text("/proc/sys/kernel/random/boot_id"),
        "namespace": _link("/proc/self/ns/pid"),
    }


def _start(pid: int) -> str:
    """Return when a process started, in ticks since boot; empty if there is no such process or it has ended."""
    _, _, after = _text(f"/proc/{pid}/stat").rpartition(")")
    fields = after.split()
    return fields[19] if len(fields) > 19 and fields[0] not in DEAD else ""


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
