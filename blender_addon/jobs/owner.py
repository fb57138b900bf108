"""Who holds a lock, written into its file, so that an owner that is certainly gone can be told at once.

A lock alone does not always say it: a child may have inherited it, and some file systems have no locks. A process number
alone does not either: another process may have it by now, and in a sandbox it means something else. So the machine, its
start, the namespace and the start of the process are kept with it, and where one of them is not known the owner may live.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from ..reading import number, parse_json

LONGEST = 1000
"""Bytes of an owner's account."""
DEAD = {"Z", "X", "x"}
"""States of processes that have ended and were not taken notice of yet."""


def this_process() -> bytes:
    """Return an account of this process, one line of JSON."""
    return json.dumps({**_machine(), "pid": os.getpid(), "start": _start(os.getpid())}).encode()


def is_gone(account: bytes) -> bool:
    """Return whether the process of an account has certainly ended."""
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
    """What tells where a process number counts; empty where this system does not say."""
    if not sys.platform.startswith("linux"):
        return {}
    return {
        "machine": _text("/etc/machine-id") or os.uname().nodename,
        "boot": _text("/proc/sys/kernel/random/boot_id"),
        "namespace": _link("/proc/self/ns/pid"),
    }


def _start(pid: int) -> str:
    """When a process began, in ticks since the machine's start; empty if there is none, or it has ended."""
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
