"""The image encoder: transformers' DINOv2 (Oquab et al. 2023) of any size."""

from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from ..errors import CheckpointError
from .config import read_json

if TYPE_CHECKING:  # transformers takes seconds to import
    from transformers import Dinov2Config, Dinov2Model


def image_encoder_config(path: Path) -> "Dinov2Config":
    """Load the `config.json` of a DINOv2 folder as published.

    Raises:
        CheckpointError: it does not describe a DINOv2 encoder.
    """
    from transformers import Dinov2Config

    values = read_json(path)
    if values.get("model_type") != "dinov2":
        raise CheckpointError(f"{path} does not describe a DINOv2 image encoder.", "Use the folder as it was downloaded.")
    return Dinov2Config.from_dict(values)


def encode_images(encoder: "Dinov2Model", pixels: Tensor) -> Tensor:
    """Return image tokens (B, S, C) of normalised pictures (B, 3, h, w), after the last norm.

    The class token comes first, then the patches.
    """
    return encoder(pixels.to(encoder.dtype)).last_hidden_state
