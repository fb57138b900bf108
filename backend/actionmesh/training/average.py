"""Average a trained checkpoint with the one that it continued from (WiSE-FT, Wortsman et al. 2022).

The mean of both weights is often better than either on the data of both: it learnt the new and forgot less of the old.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from ..errors import CheckpointError, InputError
from ..weights.checkpoints import Checkpoint, open_checkpoint
from ..weights.load import read_tensors
from ..weights.parts import ACTIONMESH_WEIGHTS, TRIPOSG_WEIGHTS
from .export import write_weights


def average(start: Path, end: Path, share: float, folder: Path) -> None:
    """Write the checkpoint in `end` to `folder`, with weights averaged with those in `start`.

    Args:
        share: 0 to 1, the share of `end`.
    Raises:
        InputError: the share is outside 0 to 1, or `folder` exists.
        CheckpointError: a checkpoint is not complete, or their networks differ.
    """
    if not 0 <= share <= 1:
        raise InputError(f"The share is {share}.", "Use a share from 0 to 1.")
    if folder.exists():
        raise InputError(f"{folder} exists.", "Name a new folder.")
    pairs = zip(weights_of(open_checkpoint(start)), weights_of(open_checkpoint(end)), strict=True)
    averaged = {after.relative_to(end): _mean(before, after, share) for before, after in pairs}
    shutil.copytree(end, folder)
    for path, tensors in averaged.items():
        write_weights(folder / path, tensors)


def weights_of(checkpoint: Checkpoint) -> Iterator[Path]:
    """Yield the weights of the five networks that training makes."""
    yield checkpoint.image_encoder / ACTIONMESH_WEIGHTS
    yield checkpoint.image_to_3d / TRIPOSG_WEIGHTS
    yield checkpoint.shape_vae / TRIPOSG_WEIGHTS
    yield checkpoint.temporal_denoiser / ACTIONMESH_WEIGHTS
    yield checkpoint.temporal_autoencoder / ACTIONMESH_WEIGHTS


def _mean(before: Path, after: Path, share: float) -> dict[str, Tensor]:
    start, end = read_tensors(before), read_tensors(after)
    shapes = [{name: tensor.shape for name, tensor in tensors.items()} for tensors in (start, end)]
    if shapes[0] != shapes[1]:
        raise CheckpointError(f"{after} does not continue from {before}: its tensors differ.")
    return {name: torch.lerp(tensor.float(), end[name].float(), share) for name, tensor in start.items()}
