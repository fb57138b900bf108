"""Split a step's batch between processes, so that the batch is the same for any number of them.

A batch is drawn in P parts, each from its own generator. If the number of processes W divides P, they take whole parts
in turn. If P divides W, then W / P processes draw the same part and take a slice each. Losses are means over rows and
slices are equally long, so the mean of the processes' gradients is the gradient of the whole batch.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError

Batch = TypeVar("Batch")


@dataclass(frozen=True)
class Share:
    """One of `slices` equal slices of the rows of part number `part`."""

    part: int
    slice: int
    slices: int


def shares_of(parts: int, process: int, processes: int) -> list[Share]:
    """Return the shares of one process in a batch of `parts` parts.

    Raises:
        InputError: neither number divides the other.
    """
    if parts % processes == 0:
        return [Share(part, 0, 1) for part in range(process, parts, processes)]
    if processes % parts == 0:
        slices = processes // parts
        return [Share(process // slices, process % slices, slices)]
    cure = "Choose --parts so that one divides the other."
    raise InputError(f"{processes} processes cannot share a batch of {parts} parts equally.", cure)


def rows_of(batch: Batch, share: Share) -> Batch:
    """Return the share's rows of every tensor of a batch, which is a tensor or a dataclass of batches.

    The first axis is that of the rows.

    Raises:
        InputError: the rows cannot be cut into equally long slices.
    """
    if share.slices == 1:
        return batch

    def cut(tensor: Tensor) -> Tensor:
        if len(tensor) % share.slices:
            cure = "Choose --batch and --parts so that they can."
            raise InputError(f"{share.slices} processes cannot share {len(tensor)} rows equally.", cure)
        length = len(tensor) // share.slices
        return tensor[share.slice * length : (share.slice + 1) * length]

    return each_tensor(batch, cut)


def moved(batch: Batch, device: torch.device) -> Batch:
    """Return the batch on a device."""
    return each_tensor(batch, lambda tensor: tensor.to(device, non_blocking=True))


def each_tensor(batch: Batch, change: Callable[[Tensor], Tensor]) -> Batch:
    """Apply a function to every tensor in a batch; other values, unless they are dataclasses, stay as they are."""
    if isinstance(batch, Tensor):
        return cast(Batch, change(batch))
    if not is_dataclass(batch) or isinstance(batch, type):
        return batch
    record: Any = batch
    return replace(record, **{field.name: each_tensor(getattr(record, field.name), change) for field in fields(record)})


def generator_of(seed: int, step: int, part: int) -> torch.Generator:
    """Return the CPU generator for a part of a step's batch, the same on every machine and device."""
    return torch.Generator().manual_seed(
        int(np.random.SeedSequence((seed, step, part)).generate_state(1, np.uint64)[0])
    )
