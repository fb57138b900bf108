"""The requirement files: which ones a task needs, their size, and their contents."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Iterable, NamedTuple

from .errors import BuildError

TO_RUN, TO_DEVELOP = "backend/requirements-cpu.txt", "backend/requirements-dev.txt"
FOR_CUDA, DRIVER_OF_CUDA = "backend/requirements-cuda.txt", 580


class Size(NamedTuple):
    """Megabytes, measured on Linux with Python 3.11 (CUDA: estimated), for progress and the check of disk space."""

    download: int
    disk: int

    def __str__(self) -> str:
        if not self.disk:
            return "a few KB"
        return f"about {in_words(self.download)} to download, {in_words(self.disk)} on the disk"


SIZES = {TO_RUN: Size(420, 1700), TO_DEVELOP: Size(220, 650), FOR_CUDA: Size(2800, 6500)}
SIZE_OF_TORCH, SIZE_OF_BPY = Size(190, 770), Size(380, 1050)
"""Size of PyTorch without CUDA, which is part of TO_RUN, and of one version of Blender's Python module."""


def size_of(names: Iterable[str]) -> Size:
    """Return the total size of requirement files."""
    sizes = [SIZES.get(name, SIZE_OF_BPY if re.search(r"-bpy-[\d.]+\.txt$", name) else Size(0, 0)) for name in names]
    return Size(sum(size.download for size in sizes), sum(size.disk for size in sizes))


def in_words(megabytes: float) -> str:
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 1000 else f"{megabytes:.0f} MB"


def to_run() -> list[str]:
    """Return the backend's requirement files, with CUDA if there is a card or ACTIONMESH_TORCH says so.

    Raises:
        BuildError: ACTIONMESH_TORCH has another value.
    """
    wanted = os.environ.get("ACTIONMESH_TORCH") or ("cuda" if has_card() else "cpu")
    if wanted not in ("cpu", "cuda"):
        raise BuildError(f"The variable ACTIONMESH_TORCH is {wanted!r}. Set it to cpu or cuda, or unset it.")
    return [TO_RUN] + ([FOR_CUDA] if wanted == "cuda" else [])


def has_card() -> bool:
    """Return whether an NVIDIA card with a recent enough driver answers; print a line if the driver is too old."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.check_output(command, stderr=subprocess.DEVNULL, text=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    major = re.match(r"\d+", answer)
    if major is None or int(major.group()) >= DRIVER_OF_CUDA:
        return major is not None
    older = f"The NVIDIA driver {answer.split()[0]} is older than {DRIVER_OF_CUDA}"
    print(f"{older}, so PyTorch is installed without CUDA. Update the driver.")
    return False


def torch_without_cuda(root: Path) -> str:
    """Return the pin of PyTorch without CUDA, such as "torch==2.13.0+cpu"; empty if PyTorch is not required."""
    match = re.search(r"^torch==[\d.]+", (root / TO_RUN).read_text(encoding="utf-8"), re.MULTILINE)
    return match.group() + "+cpu" if match else ""
