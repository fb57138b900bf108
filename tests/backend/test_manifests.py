"""The full-size networks, built without memory, have exactly the tensors of the public checkpoints."""

import json
from pathlib import Path

import pytest
import torch

from actionmesh.models.background_removal import BackgroundRemoval
from actionmesh.models.denoiser import ImageTo3DDenoiser, TemporalDenoiser
from actionmesh.models.shape_vae import ShapeVAE
from actionmesh.models.temporal_autoencoder import TemporalAutoencoder
from actionmesh.sizes import SIZES
from actionmesh.weights.names import encoder_name, our_name, their_name
from actionmesh.weights.parts import PARTS

MANIFESTS = Path(__file__).parents[1] / "manifests"
FULL = SIZES["full"]
NETWORKS = {
    "triposg_dit": lambda: ImageTo3DDenoiser(FULL.image_to_3d),
    "temporal_denoiser": lambda: TemporalDenoiser(FULL.temporal),
    "triposg_vae": lambda: ShapeVAE(FULL.vae),
    "temporal_autoencoder": lambda: TemporalAutoencoder(FULL.autoencoder),
    "rmbg_1_4": lambda: BackgroundRemoval(),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_full_size_network_has_the_published_tensors(name):
    published = {our_name(key): shape for key, shape in json.loads((MANIFESTS / f"{name}.json").read_text()).items()}
    with torch.device("meta"):
        network = NETWORKS[name]()
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == published


def test_full_size_image_encoder_has_the_tensors_that_transformers_4_saved(tmp_path):
    published = json.loads((MANIFESTS / "dinov2_large.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "dinov2", **FULL.encoder}))
    make = PARTS["image_encoder"].maker(tmp_path / "config.json")
    with torch.device("meta"):
        network = make()
    renamed = {PARTS["image_encoder"].rename(name): shape for name, shape in published.items()}
    assert len(renamed) == len(published)
    assert {name: list(value.shape) for name, value in network.state_dict().items()} == renamed
    assert [encoder_name(name) for name in renamed] == list(renamed)


@pytest.mark.parametrize("name", ["triposg_dit", "triposg_vae"])
def test_renaming_is_reversible(name):
    names = json.loads((MANIFESTS / f"{name}.json").read_text())
    assert [their_name(our_name(key)) for key in names] == list(names)
