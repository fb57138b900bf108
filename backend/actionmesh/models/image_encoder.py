"""The image encoder: transformers' DINOv2 (Oquab et al. 2023) of any size."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from ..errors import CheckpointError
from ..protocol.limits import shown
from .config import JsonConfig, read_json

if TYPE_CHECKING:  # transformers takes seconds to import
    from transformers import Dinov2Config, Dinov2Model

ACTIVATIONS = ("gelu", "gelu_new", "relu", "silu")


@dataclass(frozen=True)
class ImageEncoderSizes(JsonConfig):
    """The settings in a DINOv2 folder's `config.json` that shape its network, with transformers' names and defaults."""

    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    mlp_ratio: int = 4
    hidden_act: str = "gelu"
    layer_norm_eps: float = 1e-6
    image_size: int = 224
    patch_size: int = 14
    num_channels: int = 3
    qkv_bias: bool = True
    use_swiglu_ffn: bool = False
    apply_layernorm: bool = True
    use_mask_token: bool = True

    def __post_init__(self) -> None:
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(f"hidden_size {self.hidden_size} cannot be cut into {self.num_attention_heads} heads")
        if self.patch_size > self.image_size or self.num_channels != 3:
            raise ValueError(
                f"patches of {self.patch_size} pixels in {self.num_channels} channels of {self.image_size} pixels"
            )
        if self.hidden_act not in ACTIVATIONS:
            raise ValueError(f"hidden_act is {shown(self.hidden_act)}, and {', '.join(ACTIVATIONS)} are known")


def image_encoder_sizes(path: Path) -> ImageEncoderSizes:
    """Load the `config.json` of a DINOv2 folder as published.

    Raises:
        CheckpointError: it does not describe a DINOv2 encoder.
    """
    values = read_json(path)
    if values.get("model_type") != "dinov2":
        raise CheckpointError(
            f"{path} does not describe a DINOv2 image encoder.", "Use the folder as it was downloaded."
        )
    return ImageEncoderSizes.from_dict(values, str(path))


def image_encoder_config(path: Path) -> "Dinov2Config":
    """As `image_encoder_sizes`, for transformers, which checks few of its numbers and would build a billion layers."""
    from transformers import Dinov2Config

    return Dinov2Config(**asdict(image_encoder_sizes(path)))


def encode_images(encoder: "Dinov2Model", pixels: Tensor) -> Tensor:
    """Return image tokens (B, S, C) of normalised pictures (B, 3, h, w), after the last norm.

    The class token comes first, then the patches.
    """
    tokens: Tensor = encoder(pixels.to(encoder.dtype)).last_hidden_state
    return tokens
