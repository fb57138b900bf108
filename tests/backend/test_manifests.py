"""The full-size networks, built without memory, have exactly the tensors of the public checkpoints."""

import json
from pathlib import Path

import pytest
import torch

from actionmesh.models.background_removal import BackgroundRemoval
from actionmesh.models.denoiser import ImageTo3DConfig, ImageTo3DDenoiser, TemporalDenoiser, TemporalDenoiserConfig
from actionmesh.models.shape_vae import ShapeVAE, ShapeVAEConfig
from actionmesh.models.temporal_autoencoder import TemporalAutoencoder, TemporalAutoencoderConfig
from actionmesh.weights.names import our_name, their_name

MANIFESTS = Path(__file__).parents[1] / "manifests"
NETWORKS = {
    "triposg_dit": lambda: ImageTo3DDenoiser(ImageTo3DConfig(16, 2048, 64, 21, 1024)),
    "temporal_denoiser": lambda: TemporalDenoiser(
        TemporalDenoiserConfig(2048, 16, 64, 21, 16, 2048, 1024, inflated_layers=tuple(range(21)))
    ),
    "triposg_vae": lambda: ShapeVAE(ShapeVAEConfig(3, 64, 8, 512, 1024, num_layers_encoder=8, num_layers_decoder=16)),
    "temporal_autoencoder": lambda: TemporalAutoencoder(TemporalAutoencoderConfig(16, 3, 3, 3, 64, 1024, 16, 8)),
    "rmbg_1_4": lambda: BackgroundRemoval(),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_full_size_network_has_the_published_tensors(name):
    published = {our_name(key): shape for key, shape in json.loads((MANIFESTS / f"{name}.json").read_text()).items()}
    with torch.device("meta"):
        network = NETWORKS[name]()
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == published


@pytest.mark.parametrize("name", ["triposg_dit", "triposg_vae"])
def test_renaming_is_reversible(name):
    names = json.loads((MANIFESTS / f"{name}.json").read_text())
    assert [their_name(our_name(key)) for key in names] == list(names)
