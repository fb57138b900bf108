"""Stream a file's tensors onto a device: threads read pieces, cast them, and copy them while the next one is read.

At most one or two pieces of the file per thread are in memory. The file is read, not mapped: if a mapped file shrinks
(a restarted download, an unplugged share), the process dies; here that is an error. Like a map, reading uses the
system's page cache if it can.

Our own, because safetensors reads a file onto a card by mapping it, which is what must not happen here. What the
threads and the pinned buffers gain on a card has not been measured.
"""

import os
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from io import FileIO
from itertools import cycle
from pathlib import Path
from threading import Event
from typing import Protocol

import torch
from torch import Tensor

from ..weights.precision import TypeOf
from ..weights.tensor_file import Entry, readable

PIECE = 4 << 20
"""Bytes to read at once: small enough for a core's cache, large enough for a bus."""
READERS = 8


class Stopped(Exception):
    """Raised because nothing waits for the tensors any more."""


@dataclass(frozen=True)
class Piece:
    """Bytes of a file, from `start`, and their destination: `target` is flat, and of the wanted type."""

    start: int
    dtype: torch.dtype
    target: Tensor


class Lane(Protocol):
    """Carries pieces one after the other, for one thread."""

    def carry(self, piece: Piece, file: FileIO) -> None:
        """Read a piece and bring it to its target."""

    def finish(self) -> None:
        """Return once everything has arrived."""


class HostLane:
    """A lane to main memory: directly into the target, or through a staging buffer if the type changes."""

    def __init__(self) -> None:
        self._staging = staging(pinned=False)

    def carry(self, piece: Piece, file: FileIO) -> None:
        if piece.target.dtype == piece.dtype:
            read_into(piece.target, file, piece.start)
            return
        staged = staged_in(self._staging, piece)
        read_into(staged, file, piece.start)
        piece.target.copy_(staged)

    def finish(self) -> None:
        pass


class CudaLane:
    """A lane to a card: alternates between two pinned buffers, and copies and casts on a stream of its own.

    While one buffer is being copied, the other is filled.
    """

    def __init__(self, stream: torch.cuda.Stream):
        self._stream = stream
        self._buffers = [(staging(pinned=True), torch.cuda.Event()) for _ in range(2)]
        self._turns = cycle(self._buffers)

    def carry(self, piece: Piece, file: FileIO) -> None:
        buffer, copied = next(self._turns)
        copied.synchronize()
        staged = staged_in(buffer, piece)
        read_into(staged, file, piece.start)
        with torch.cuda.stream(self._stream):
            if piece.dtype != piece.target.dtype:  # a casting copy would cast on the host, and wait
                staged = staged.to(piece.target.device, non_blocking=True)
            piece.target.copy_(staged, non_blocking=True)
            copied.record(self._stream)

    def finish(self) -> None:
        for _, copied in self._buffers:
            copied.synchronize()


def stream_tensors(
    path: Path, entries: Mapping[str, Entry], device: torch.device, type_of: TypeOf, stop: Event
) -> dict[str, Tensor]:
    """Return the tensors of a file on `device` (the CPU or CUDA).

    Args:
        type_of: the type that each floating-point tensor is cast to; integers keep theirs.
        stop: stops the reading between two pieces once it is set.
    Raises:
        CheckpointError: the file ends too early, or cannot be read.
        Stopped: because `stop` was set.
    """
    wanted = {name: type_of(name) if entry.dtype.is_floating_point else entry.dtype for name, entry in entries.items()}
    tensors = {name: torch.empty(entry.shape, dtype=wanted[name], device=device) for name, entry in entries.items()}
    pieces = deque(piece for name, entry in entries.items() for piece in cut(entry, tensors[name]))
    with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        lanes = _lanes(device)
    with ThreadPoolExecutor(len(lanes), "weights") as pool:
        # keep no future here: its error would refer to this frame and keep the tensors on the device until the next gc
        for _ in pool.map(lambda lane: _carry_all(path, pieces, lane, stop), lanes):
            pass
    return tensors


def cut(entry: Entry, tensor: Tensor) -> list[Piece]:
    """Cut a tensor into pieces of at most PIECE bytes of the file, in the file's order."""
    flat, size = tensor.view(-1), entry.dtype.itemsize
    rows = PIECE // size
    return [Piece(entry.start + at * size, entry.dtype, flat[at : at + rows]) for at in range(0, entry.numel, rows)]


def staging(pinned: bool) -> Tensor:
    """Return a buffer for a piece; copies from pinned memory are asynchronous."""
    return torch.empty(PIECE, dtype=torch.uint8, pin_memory=pinned)


def staged_in(buffer: Tensor, piece: Piece) -> Tensor:
    """Return the start of a staging buffer, with a piece's size and type."""
    return buffer[: piece.target.numel() * piece.dtype.itemsize].view(piece.dtype)


def read_into(tensor: Tensor, file: FileIO, start: int) -> None:
    """Fill a flat tensor in main memory with a file's bytes from `start`; other threads run meanwhile.

    Raises:
        OSError: the file cannot be read, or ends too early.
    """
    left = tensor.view(torch.uint8).numpy().data
    file.seek(start)
    while left:
        count = file.readinto(left)
        if not count:
            raise OSError(f"The file ends before byte {start + len(left)}.")
        left = left[count:]


def _lanes(device: torch.device) -> list[Lane]:
    """Return one lane for each reading thread.

    The targets' memory belongs to the computing stream, which may still have work queued for its previous owners.
    """
    count = min(READERS, os.cpu_count() or 1)
    if device.type != "cuda":
        return [HostLane() for _ in range(count)]
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.default_stream(device))
    return [CudaLane(stream) for _ in range(count)]


def _carry_all(path: Path, pieces: "deque[Piece]", lane: Lane, stop: Event) -> None:
    """Carry pieces until none is left; if one fails, the other threads stop too.

    Afterwards no copy is in progress, even after an error: the targets may then be freed.
    """
    try:
        with readable(path), path.open("rb", buffering=0) as file:
            while (piece := _next(pieces)) is not None:
                if stop.is_set():
                    raise Stopped
                lane.carry(piece, file)
    except BaseException:
        pieces.clear()
        raise
    finally:
        lane.finish()


def _next(pieces: "deque[Piece]") -> Piece | None:
    try:
        return pieces.popleft()
    except IndexError:  # checking for emptiness first would be a race
        return None
