"""A tiny checkpoint with random weights, in the layout of the real ones, and its model."""

import json

import pytest
import torch

from actionmesh.memory.model import open_model
from actionmesh.models.denoiser import ImageTo3DDenoiser, TemporalDenoiser
from actionmesh.models.shape_vae import ShapeVAE
from actionmesh.models.temporal_autoencoder import TemporalAutoencoder
from actionmesh.sizes import SIZES
from actionmesh.stages.run import Run


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory):
    """Return the folder of the checkpoint."""
    # imported here because it needs rendering packages, which a machine for test_cuda.py may lack
    from actionmesh.training.export import export
    from actionmesh.training.parts import new_encoder, save_part

    run, folder = tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("checkpoints") / "tiny"
    sizes = SIZES["tiny"]
    torch.manual_seed(0)
    parts = {
        "vae": ShapeVAE(sizes.vae),
        "encoder": new_encoder(sizes),
        "image_to_3d": ImageTo3DDenoiser(sizes.image_to_3d),
        "temporal": TemporalDenoiser(sizes.temporal),
        "autoencoder": TemporalAutoencoder(sizes.autoencoder),
    }
    for name, network in parts.items():
        save_part(network, run, name)
    (run / "latents.json").write_text(json.dumps({"mean": [0.1] * 8, "std": [1.5] * 8}))
    export(run, folder, "tiny")
    return folder


@pytest.fixture(scope="session")
def tiny_model(tiny_checkpoint):
    return open_model(tiny_checkpoint, "cpu")


@pytest.fixture(scope="session")
def tiny_run(tiny_model):
    """Return a run whose progress nobody receives."""
    return Run.of(tiny_model)
