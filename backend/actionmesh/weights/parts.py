"""The networks of a checkpoint by name, in the order in which a job needs them: where each is and how it is built."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from ..models.config import JsonConfig
from ..models.denoiser import ImageTo3DConfig, ImageTo3DDenoiser, TemporalDenoiser, TemporalDenoiserConfig
from ..models.image_encoder import image_encoder_config
from ..models.shape_vae import ShapeVAE, ShapeVAEConfig
from ..models.temporal_autoencoder import TemporalAutoencoder, TemporalAutoencoderConfig
from .names import encoder_name, our_name

TRIPOSG_WEIGHTS = "diffusion_pytorch_model.safetensors"
ACTIONMESH_WEIGHTS = "model.safetensors"

Make = Callable[[], nn.Module]


@dataclass(frozen=True)
class Part:
    """A network of a checkpoint.

    Args:
        weights: name of the file next to its `config.json`.
        maker: reads that `config.json` and returns a function that builds the network on torch's current device.
        rename: from the file's tensor names to the network's.
    """

    weights: str
    maker: Callable[[Path], Make]
    rename: Callable[[str], str] = our_name


def _configured(network: Callable[[Any], nn.Module], config: type[JsonConfig]) -> Callable[[Path], Make]:
    def maker(path: Path) -> Make:
        sizes = config.load(path)
        return lambda: network(sizes)

    return maker


def _image_encoder(path: Path) -> Make:
    from transformers import Dinov2Model

    config = image_encoder_config(path)
    return lambda: Dinov2Model(config)


PARTS = {
    "image_encoder": Part(ACTIONMESH_WEIGHTS, _image_encoder, encoder_name),
    "image_to_3d": Part(TRIPOSG_WEIGHTS, _configured(ImageTo3DDenoiser, ImageTo3DConfig)),
    "shape_vae": Part(TRIPOSG_WEIGHTS, _configured(ShapeVAE, ShapeVAEConfig)),
    "temporal_denoiser": Part(ACTIONMESH_WEIGHTS, _configured(TemporalDenoiser, TemporalDenoiserConfig)),
    "temporal_autoencoder": Part(ACTIONMESH_WEIGHTS, _configured(TemporalAutoencoder, TemporalAutoencoderConfig)),
}
