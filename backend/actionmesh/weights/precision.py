"""The type of each tensor on a device that computes in half precision: as published, for each part.

Half precision is bfloat16 or float16, see `memory.runtime.run_dtype`. On a CPU everything is float32.
"""

from collections.abc import Callable, Mapping

import torch

from ..models.temporal_autoencoder import TemporalAutoencoderConfig

FLOAT32 = torch.float32
PUBLISHED: Mapping[str, torch.dtype] = {"image_encoder": FLOAT32, "shape_vae": torch.float16}
"""Parts with a type of their own, whatever the device's half precision: the image encoder keeps its file's type."""

TypeOf = Callable[[str], torch.dtype]
"""Maps a tensor's name in its network to the type that it is cast to."""


def types_of(part: str, half: torch.dtype, autoencoder: TemporalAutoencoderConfig) -> TypeOf:
    """Return the types of a part's tensors if the device computes in `half`.

    Stage II's queries, its cross-attention and its output stay in float32: in bfloat16 they turn the moved mesh's face
    normals by 18 degrees on average; with the published types, by 0.6.

    Args:
        part: a name in `parts.PARTS`.
        half: the device's type; float32 on a CPU.
        autoencoder: sizes of the temporal autoencoder.
    """
    if half == FLOAT32:
        return lambda name: FLOAT32
    if part == "temporal_autoencoder":
        exact = autoencoder.query_side
        return lambda name: FLOAT32 if name.startswith(exact) else half
    return lambda name: PUBLISHED.get(part, half)
