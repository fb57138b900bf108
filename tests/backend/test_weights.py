"""Loading refuses what does not fit, by name; the temporal denoiser starts as the image-to-3D one."""

import json

import pytest
import torch
from safetensors.torch import save_file

from actionmesh.errors import CheckpointError
from actionmesh.models.denoiser import (
    ImageTo3DDenoiser,
    TemporalDenoiser,
    initialise_temporal_from_image_to_3d,
)
from actionmesh.models.shape_vae import ShapeVAE, ShapeVAEConfig
from actionmesh.training.recipes import SIZES
from actionmesh.weights.load import build, read_tensors
from actionmesh.weights.names import our_name, their_name

TINY = SIZES["tiny"]


def new_vae():
    torch.manual_seed(0)
    return ShapeVAE(TINY.vae)


def load(tensors, dtype=torch.float32):
    return build(lambda: ShapeVAE(TINY.vae), tensors, "vae.safetensors", "cpu", dtype)


def test_loaded_weights_are_the_saved_ones_under_either_naming(tmp_path):
    vae = new_vae()
    for rename in (str, their_name):
        path = tmp_path / "vae.safetensors"
        save_file({rename(name): tensor for name, tensor in vae.state_dict().items()}, path)
        loaded = load(read_tensors(path, our_name))
        assert all(torch.equal(tensor, vae.state_dict()[name]) for name, tensor in loaded.state_dict().items())
        assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())


def test_weights_are_cast_once_to_the_asked_type():
    assert {tensor.dtype for tensor in load(new_vae().state_dict(), torch.bfloat16).state_dict().values()} == {torch.bfloat16}


def test_faults_are_refused_with_the_first_three_names():
    tensors = dict(new_vae().state_dict())
    del tensors["quant.weight"]
    tensors["stray"] = torch.zeros(1)
    tensors["post_quant.bias"] = torch.zeros(3)
    tensors["post_quant.weight"] = torch.zeros(3)
    with pytest.raises(CheckpointError) as refused:
        load(tensors)
    message = str(refused.value)
    assert "quant.weight is missing" in message and "stray is not expected" in message
    assert "is (3,) instead of (32, 8)" in message and "1 more" in message and "vae.safetensors" in message


def test_tensors_that_become_one_are_refused(tmp_path):
    path = tmp_path / "vae.safetensors"
    tensors = new_vae().state_dict()
    save_file(tensors | {their_name(name): torch.zeros_like(tensor) for name, tensor in tensors.items()}, path)
    with pytest.raises(CheckpointError, match="twice"):
        read_tensors(path, our_name)


@pytest.mark.parametrize("damage", ["missing", "truncated", "text"])
def test_damaged_files_are_refused_by_name(tmp_path, damage):
    path = tmp_path / "model.safetensors"
    if damage == "truncated":
        save_file(new_vae().state_dict(), path)
        path.write_bytes(path.read_bytes()[:5000])
    elif damage == "text":
        path.write_text("version https://git-lfs.github.com/spec/v1")
    with pytest.raises(CheckpointError, match="model.safetensors"):
        read_tensors(path)


@torch.no_grad()
def test_temporal_denoiser_starts_as_the_image_to_3d_denoiser():
    torch.manual_seed(0)
    image_to_3d, temporal = ImageTo3DDenoiser(TINY.image_to_3d), TemporalDenoiser(TINY.temporal)
    initialise_temporal_from_image_to_3d(temporal, image_to_3d)
    latents, context, time = torch.randn(2, 16, 8), torch.randn(2, 5, 32), torch.tensor([100.0, 700.0])
    alone = image_to_3d(latents, time, image_to_3d.prepare(context))
    cache = temporal.prepare(context[:, None], torch.zeros(2, 1), 16)
    assert torch.allclose(temporal(latents[:, None], time, cache)[:, 0], alone, atol=1e-5)


def test_config_files_are_written_as_they_were_read(tmp_path):
    published = {"_class_name": "X", "in_channels": 3, "latent_channels": 8, "num_attention_heads": 2, "width_encoder": 32}
    published |= {"width_decoder": 32, "num_layers_encoder": 1, "num_layers_decoder": 1}
    config = ShapeVAEConfig.from_dict(published)
    config.save(tmp_path / "config.json")
    assert ShapeVAEConfig.load(tmp_path / "config.json") == config
    written = json.loads((tmp_path / "config.json").read_text())
    assert all(written[name] == value for name, value in published.items() if name != "_class_name")
    assert "time_conditioning" in TINY.autoencoder.to_dict() and "reference_residual" in TINY.temporal.to_dict()


@pytest.mark.parametrize("values", [{"in_channels": 3}, {"num_attention_heads": 5}])
def test_config_that_describes_no_network_is_refused(values):
    complete = ShapeVAEConfig(3, 8, 2, 32, 32, 1, 1).to_dict()
    broken = values if "in_channels" in values else complete | values
    with pytest.raises(CheckpointError, match="config.json"):
        ShapeVAEConfig.from_dict(broken)
