"""Numbers that a network gives are finite, or the job ends with a sentence that names what is to blame.

The weights are looked through only then: reading all of them takes as long as loading them.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from ..errors import CheckpointError, InputError
from .parts import PARTS
from .tensor_file import readable

if TYPE_CHECKING:
    from .store import ModelStore

CURE = "Use a guidance such as 7.5, or download the checkpoint again."


def require_finite(numbers: "Tensor | np.ndarray", what: str, store: "ModelStore", *parts: str) -> None:
    """Check what networks gave.

    Args:
        what: names the numbers, such as "the latents of Stage I".
        parts: the networks that they are from.
    Raises:
        CheckpointError: they are not all finite, and neither are the weights of a part; file and tensor are named.
        InputError: they are not all finite for another reason.
    """
    finite = torch.isfinite(numbers).all() if isinstance(numbers, Tensor) else np.isfinite(numbers).all()
    if not finite:
        require_finite_weights(store, parts)
        raise InputError(f"Not all of {what} are finite numbers, with the checkpoint {store.checkpoint.name}.", CURE)


def require_finite_weights(store: "ModelStore", parts: Iterable[str] = PARTS) -> None:
    """Raise CheckpointError naming the first file of weights, and the tensor in it, that has NaN or infinity."""
    for part in parts:
        path = getattr(store.checkpoint, part) / PARTS[part].weights
        with readable(path), safe_open(str(path), framework="pt") as file:
            faulty = next((name for name in file.keys() if not _is_finite(file.get_tensor(name))), None)
        if faulty is not None:
            raise CheckpointError(
                f"{path} has numbers that are not finite, in the tensor {faulty}.", "Download it again."
            )


def _is_finite(tensor: Tensor) -> bool:
    with suppress(RuntimeError, NotImplementedError):  # a type that knows no infinity
        return bool(torch.isfinite(tensor).all())
    return True
