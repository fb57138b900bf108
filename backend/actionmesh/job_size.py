"""Check that memory and disks have room for a result, as soon as its number of poses is known."""

import os
import shutil
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from .errors import InputError
from .protocol import Animate, ResultFormat

POINT = 12
"""Bytes of a vertex in one pose."""
FEWEST_VERTICES = 1000
"""Vertices assumed for a mesh that does not exist yet."""
PICTURES = (ResultFormat.CONTACT_SHEET, ResultFormat.FILM)
"""Results whose size hardly depends on the mesh."""


def check_size(options: Animate, out: Iterable[str], frames: int) -> None:
    """Check that the poses of a job fit into main memory and on the disks of its results.

    Args:
        frames: number of chosen frames of the clip.
    Raises:
        InputError: they do not fit into memory.
        OutputError: they do not fit on a disk.
    """
    import psutil

    from .geometry.mesh_files import load_mesh
    from .weights.room import amount

    poses = max(frames - 1, 0) * (options.in_betweens + 1) + 1
    vertices = len(load_mesh(options.mesh).vertices) if options.mesh else FEWEST_VERTICES
    size, memory = poses * vertices * POINT, psutil.virtual_memory().total
    if size > memory / 2:
        problem = (
            f"{poses} poses of {vertices} vertices take {amount(size)}; this machine has {amount(memory)} of memory."
        )
        raise InputError(problem, "Choose fewer frames or in-betweens.")
    check_disks(out, size)


def check_disks(out: Iterable[str], size: int) -> None:
    """Raise OutputError if a disk has no room for its results; each that holds the mesh takes at least `size` bytes."""
    from .weights.room import check_room

    needed: dict[int, int] = defaultdict(int)
    folders: dict[int, Path] = {}
    for name in out:
        folder = next(parent for parent in Path(os.path.realpath(name)).parents if parent.is_dir())
        disk = folder.stat().st_dev
        needed[disk] += 0 if name.lower().endswith(PICTURES) else size
        folders[disk] = folder
    for disk, folder in folders.items():
        with suppress(FileNotFoundError):
            usage = shutil.disk_usage(folder)
            check_room(folder, needed[disk], usage.free if usage.total else None)
