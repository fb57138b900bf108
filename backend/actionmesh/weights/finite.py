"""Check that a network's numbers are finite; otherwise stop the job with a sentence that names the cause.

Only then are the weights examined, because reading all of them takes as long as loading them.
"""

from collections.abc import Iterable
from contextlib import suppress

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from ..errors import CheckpointError, InputError
from .checkpoints import Checkpoint
from .parts import PARTS
from .tensor_file import readable

CURE = "Use a guidance such as 7.5, or download the checkpoint again."


def require_finite(numbers: Tensor | np.ndarray, what: str, checkpoint: Checkpoint, *parts: str) -> None:
    """Check the output of networks.

    Args:
        what: names the numbers, such as "the latents of Stage I".
        parts: the networks that produced them.
    Raises:
        CheckpointError: the numbers are not all finite, nor are the weights of a part; file and tensor are named.
        InputError: the numbers are not all finite for another reason.
    """
    finite = torch.isfinite(numbers).all() if isinstance(numbers, Tensor) else np.isfinite(numbers).all()
    if not finite:
        require_finite_weights(checkpoint, parts)
        raise InputError(f"Some of {what} are not finite numbers, with the checkpoint {checkpoint.name}.", CURE)


def require_finite_weights(checkpoint: Checkpoint, parts: Iterable[str] = PARTS) -> None:
    """Raise CheckpointError naming the first file of weights, and the tensor in it, that contains NaN or infinity."""
    for part in parts:
        path = getattr(checkpoint, part) / PARTS[part].weights
        with readable(path), safe_open(str(path), framework="pt") as file:
            faulty = next((name for name in file.keys() if not _is_finite(file.get_tensor(name))), None)
        if faulty is not None:
            raise CheckpointError(
                f"{path} contains numbers that are not finite, in the tensor {faulty}.", "Download it again."
            )


def _is_finite(tensor: Tensor) -> bool:
    with suppress(RuntimeError, NotImplementedError):  # a type without infinity
        return bool(torch.isfinite(tensor).all())
    return True
