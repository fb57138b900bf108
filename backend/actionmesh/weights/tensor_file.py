"""List the contents of a safetensors file and their positions, without reading the tensors themselves."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from ..errors import CheckpointError
from ..intake import check_span, read_json, regular_file

LONGEST_HEADER = 100_000_000
"""Bytes, the limit that safetensors sets."""
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
"""The types of safetensors (https://github.com/huggingface/safetensors#format) that a network's tensors may have."""


@dataclass(frozen=True)
class Entry:
    """A tensor of a file: its type and shape, and the byte of the file at which it starts."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int

    @property
    def numel(self) -> int:
        return prod(self.shape)


def read_entries(path: Path, rename: Callable[[str], str] = str) -> dict[str, Entry]:
    """Return the entries of a safetensors file, by their names after `rename`.

    Raises:
        CheckpointError: the file is missing, truncated, of unknown types or not safetensors, or two of its names become
            the same.
    """
    with readable(path):
        # `safe_open` rejects a header that does not fit the file's length
        with safe_open(str(regular_file(path)), framework="pt") as file:
            names = list(file.keys())
        header, start = _header(path)
        size = path.stat().st_size
        entries = {rename(name): _entry(name, header[name], start, size) for name in names}
    if len(entries) < len(names):
        raise twice(path)
    return entries


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn errors of reading a safetensors file into a CheckpointError that names it."""
    try:
        yield
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing.", "Download the checkpoint again.") from error
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged or not a safetensors file.", "Download it again.") from error


def twice(path: Path) -> CheckpointError:
    return CheckpointError(f"{path} holds tensors twice, under two naming schemes.", "Download it again.")


def _header(path: Path) -> tuple[dict, int]:
    """Return the header, and the byte at which the tensors start: after 8 bytes of length and the header."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(path.stat().st_size - 8, LONGEST_HEADER):
            raise ValueError(f"its header would have {length} bytes")
        return read_json(file.read(length)), 8 + length


def _entry(name: str, described: dict, start: int, size: int) -> Entry:
    entry = Entry(DTYPES[described["dtype"]], tuple(described["shape"]), start + described["data_offsets"][0])
    item = entry.dtype.itemsize
    check_span(f"tensor {name}", entry.start, entry.numel, item, item, size)
    return entry
