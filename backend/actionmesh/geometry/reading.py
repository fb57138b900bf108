"""What the readers of all mesh formats share: opening a file, naming a damaged one, and cutting up polygons."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..errors import MeshError

Surface = tuple[np.ndarray, np.ndarray]
"""Vertices (V, 3) and triangles (F, 3), of any number type."""

DAMAGED = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
"""What reading nonsense raises."""


def read_bytes(path: Path) -> bytes:
    """All of a file.

    Raises:
        MeshError: it is missing, is a folder, or may not be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise MeshError(f"There is no file {path}.", "Check its name and folder.") from error
    except IsADirectoryError as error:
        raise MeshError(f"{path} is a folder.", "Name a mesh file in it.") from error
    except OSError as error:
        raise MeshError(f"{path} cannot be opened ({error.strerror}).", "Check that you may read it.") from error


@contextmanager
def naming_damage(path: Path) -> Iterator[None]:
    """Turns whatever reading nonsense raises into a MeshError that names the file."""
    try:
        yield
    except DAMAGED as error:
        ending = path.suffix.lower().removeprefix(".")
        raise MeshError(f"{path} is damaged, or is no {ending} file.", "Export it again.") from error


def fans(polygons: list) -> np.ndarray:
    """Polygons, each a sequence of corners, to (F, 3) int64 triangles around their first corners, in order."""
    triangles = [(p[0], p[k], p[k + 1]) for p in polygons for k in range(1, len(p) - 1)]
    return np.array(triangles, np.int64).reshape(-1, 3)
