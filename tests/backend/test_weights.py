"""Loading refuses what does not fit, by name; the temporal denoiser starts as the image-to-3D one."""

import json
import logging
from threading import Event

import pytest
import torch
from safetensors.torch import save_file

from actionmesh.errors import CheckpointError
from actionmesh.memory.loading import load as load_file
from actionmesh.models.denoiser import (
    ImageTo3DDenoiser,
    TemporalDenoiser,
    TemporalDenoiserConfig,
    initialise_temporal_from_image_to_3d,
)
from actionmesh.models.shape_vae import ShapeVAE, ShapeVAEConfig
from actionmesh.models.temporal_autoencoder import TemporalAutoencoderConfig
from actionmesh.sizes import SIZES
from actionmesh.weights.load import build, read_tensors
from actionmesh.weights.names import our_name, their_name
from actionmesh.weights.parts import PARTS

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
    assert {tensor.dtype for tensor in load(new_vae().state_dict(), torch.bfloat16).state_dict().values()} == {
        torch.bfloat16
    }


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
    published = {
        "_class_name": "X",
        "in_channels": 3,
        "latent_channels": 8,
        "num_attention_heads": 2,
        "width_encoder": 32,
    }
    published |= {"width_decoder": 32, "num_layers_encoder": 1, "num_layers_decoder": 1}
    config = ShapeVAEConfig.from_dict(published)
    config.save(tmp_path / "config.json")
    assert ShapeVAEConfig.load(tmp_path / "config.json") == config
    written = json.loads((tmp_path / "config.json").read_text())
    assert all(written[name] == value for name, value in published.items() if name != "_class_name")
    assert "time_conditioning" in TINY.autoencoder.to_dict() and "reference_residual" in TINY.temporal.to_dict()


@pytest.mark.parametrize(
    "values",
    [
        {"num_attention_heads": 5},
        {"num_attention_heads": "8"},
        {"num_layers_encoder": -1},
        {"width_decoder": 64.5},
        {"latent_channels": True},
        {"embed_include_pi": 1},
        {"embedding_type": "learned"},
        {"in_channels": [3]},
    ],
)
def test_a_config_that_describes_no_network_is_refused_by_name(values):
    (name,) = values
    complete = ShapeVAEConfig(3, 8, 2, 32, 32, 1, 1).to_dict()
    with pytest.raises(CheckpointError, match="config.json") as refused:
        ShapeVAEConfig.from_dict(complete | values)
    assert name in refused.value.problem or "width" in refused.value.problem


@pytest.mark.parametrize("inflated", ["all", [0, 1.0], {"0": 1}, [30]])
def test_layers_that_are_no_list_of_numbers_are_refused(inflated):
    with pytest.raises(CheckpointError, match="inflated_layers"):
        TemporalDenoiserConfig.from_dict({"inflated_layers": inflated})


def test_a_key_that_is_absent_or_null_has_the_published_default(caplog):
    """The hub's mixin stores only the arguments that were passed; unknown ones occur, and are noted in the log."""
    caplog.set_level(logging.INFO)
    stored = {"width": 64, "num_layers": 3, "num_freqs_ts": 64, "_class_name": "Anything", "inflated_layers": None}
    config = TemporalDenoiserConfig.from_dict(stored, "denoiser/config.json")
    assert config == TemporalDenoiserConfig(2048, 16, 64, 3, 16, 64, 1024)
    assert config.inflated == (0, 1, 2)
    assert "denoiser/config.json: ignored num_freqs_ts" in caplog.text
    autoencoder = TemporalAutoencoderConfig.from_dict({"temporal_context_size": None})
    assert autoencoder == TemporalAutoencoderConfig(16, 3, 3, 3, 64, 1024, 16, 8, 8, False, "direct")


NAMES_OF_TRANSFORMERS_4 = {
    "attention.q_proj": "attention.attention.query",
    "attention.k_proj": "attention.attention.key",
    "attention.v_proj": "attention.attention.value",
    "attention.o_proj": "attention.output.dense",
}


def old_name(name: str) -> str:
    for new, old in NAMES_OF_TRANSFORMERS_4.items():
        name = name.replace(new, old)
    return name


@pytest.fixture
def encoder(tiny_model):
    return tiny_model.networks.image_encoder


def loaded_encoder(tiny_model, tensors, folder):
    path = folder / "model.safetensors"
    save_file(tensors, path)
    part = PARTS["image_encoder"]
    make = part.maker(tiny_model.facts.checkpoint.image_encoder / "config.json")
    return load_file(make, path, part.rename, torch.device("cpu"), lambda name: torch.float32, Event())


def test_an_image_encoder_saved_by_transformers_4_loads_the_same(tiny_model, encoder, tmp_path):
    tensors = {old_name(name): tensor.contiguous() for name, tensor in encoder.state_dict().items()}
    assert sum("attention.attention" in name for name in tensors) > 0
    loaded = loaded_encoder(tiny_model, tensors, tmp_path)
    for name, tensor in encoder.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name


def test_an_image_encoder_with_a_tensor_under_both_names_is_refused(tiny_model, encoder, tmp_path):
    tensors = {name: tensor.contiguous() for name, tensor in encoder.state_dict().items()}
    twice = next(name for name in tensors if "q_proj.weight" in name)
    with pytest.raises(CheckpointError, match="twice"):
        loaded_encoder(tiny_model, {**tensors, old_name(twice): tensors[twice].clone()}, tmp_path)


@pytest.mark.parametrize("change", ["missing", "not expected"])
def test_the_image_encoder_is_read_strictly_under_either_naming(tiny_model, encoder, tmp_path, change):
    tensors = {old_name(name): tensor.contiguous() for name, tensor in encoder.state_dict().items()}
    name = next(name for name in tensors if "attention.output.dense.bias" in name)
    if change == "missing":
        del tensors[name]
    else:
        tensors[name.replace("dense", "sparse")] = tensors[name].clone()
    with pytest.raises(CheckpointError, match=change):
        loaded_encoder(tiny_model, tensors, tmp_path)
