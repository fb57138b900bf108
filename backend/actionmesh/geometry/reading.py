"""Shared by the readers of all mesh formats: open a file, and report a damaged one."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..errors import MeshError
from ..intake import regular_file

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
"""The exceptions that reading a damaged file can raise."""
FAR = 16
"""How far, in multiples of its size, a surface may be from 0 before float32 errs by a millionth of that size."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_bytes(path: Path) -> bytes:
    """Return all bytes of a file.

    Raises:
        MeshError: the file is missing, is a folder, a pipe or a device, or cannot be read.
    """
    try:
        return regular_file(path).read_bytes()
    except FileNotFoundError as error:
        raise MeshError(f"There is no file {path}.", "Check its name and folder.") from error
    except IsADirectoryError as error:
        raise MeshError(f"{path} is a folder.", "Choose a mesh file in it.") from error
    except OSError as error:
        raise MeshError(f"{path} cannot be opened ({error.strerror}).", "Check its permissions.") from error
    except ValueError as error:
        raise MeshError(f"{path} {error}.", "Choose a mesh file.") from error


@contextmanager
def naming_damage(path: Path) -> Iterator[None]:
    """Turn an exception from reading a damaged file into a MeshError that names the file and, if known, the reason."""
    try:
        yield
    except DAMAGED as error:
        ending = path.suffix.lower().removeprefix(".")
        raise MeshError(f"{path} is damaged, or is not a .{ending} file{reason(error)}.", "Export it again.") from error


def reason(error: Exception) -> str:
    """Return our own checks' message as the end of a sentence; empty if the error is Python's or NumPy's."""
    if isinstance(error, MemoryError):
        return ": it needs more memory than is available"
    told = str(error).strip().rstrip(".") if type(error) in (ValueError, TypeError) else ""
    own = told and "\n" not in told and len(told) < 200
    return f": {told}" if own else ""


def plain(data: bytes) -> bytes:
    """Return the bytes of a text file without a byte order mark."""
    return data.removeprefix(BYTE_ORDER_MARK)


def centre_if_far(points: np.ndarray) -> np.ndarray:
    """Return the centre (3,) of points (n, 3) that are so far from 0 that float32 would lose detail; else 0."""
    if not len(points) or not np.isfinite(points).all():
        return np.zeros(3)
    low, high = points.min(axis=0), points.max(axis=0)
    return (low + high) / 2 if max(-low.min(), high.max()) > FAR * (high - low).max() > 0 else np.zeros(3)
