import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from actionmesh.errors import CheckpointError
from actionmesh.models.background_removal import (
    BackgroundRemoval,
    BackgroundRemovalConfig,
    DilatedUNet,
    NestedUNet,
    remove_background,
)
from actionmesh.weights.background_removal import load_background_removal

MANIFEST = Path(__file__).parents[1] / "manifests" / "rmbg_1_4.json"


def test_the_network_has_exactly_the_tensors_of_the_public_checkpoint():
    with torch.device("meta"):
        tensors = BackgroundRemoval().state_dict()
    assert {name: list(tensor.shape) for name, tensor in tensors.items()} == json.loads(MANIFEST.read_text())


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    model = BackgroundRemoval(BackgroundRemovalConfig(input_size=48)).eval().requires_grad_(False)
    model.side1.weight *= 100
    return model


def test_every_size_of_picture_gives_a_mask_of_that_size_over_the_full_range(network):
    image = np.random.default_rng(0).integers(0, 256, (37, 61, 3), np.uint8)
    alpha = remove_background(network, image)
    assert alpha.shape == (37, 61) and alpha.dtype == np.float32
    assert alpha.min() == 0 and alpha.max() == 1


@pytest.mark.parametrize("faintness", [0.0, 0.1])
def test_a_network_that_sees_next_to_nothing_gives_no_subject(faintness):
    class Blank(nn.Module):
        config = BackgroundRemovalConfig(input_size=8)
        conv_in = nn.Conv2d(3, 1, 1)

        def forward(self, pictures):
            return pictures[:, :1] * faintness - 3.0

    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    assert (remove_background(Blank(), image) == 0).all()


def test_pictures_go_in_centred_and_the_mask_comes_out_monotonous():
    class Brightness(nn.Module):
        config = BackgroundRemovalConfig(input_size=32)
        conv_in = nn.Conv2d(3, 1, 1)

        def forward(self, pictures):
            self.range = float(pictures.min()), float(pictures.max())
            return pictures.mean(dim=1, keepdim=True)

    model = Brightness()
    image = np.repeat(np.linspace(0, 255, 32).astype(np.uint8)[None, :, None], 3, axis=2).repeat(32, axis=0)
    alpha = remove_background(model, image)
    assert model.range == (-0.5, 0.5)
    assert (np.diff(alpha[0]) >= 0).all() and alpha[0, 0] == 0 and alpha[0, -1] == 1


def randomise(module: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(1)
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.3)
            if "running_var" in name:
                tensor.abs_().add_(0.5)
    return module.eval()


@torch.inference_mode()
def test_a_nested_stage_is_the_u_net_of_its_paper():
    stage = randomise(NestedUNet(4, 3, 2, 5))
    x = torch.randn(1, 3, 13, 10)

    def pool(y):
        return nn.MaxPool2d(2, stride=2, ceil_mode=True)(y)

    def up(y, like):
        return nn.Upsample(size=like.shape[2:], mode="bilinear")(y)

    x_in = stage.rebnconvin(x)
    x1 = stage.rebnconv1(x_in)
    x2 = stage.rebnconv2(pool(x1))
    x3 = stage.rebnconv3(pool(x2))
    x4 = stage.rebnconv4(x3)
    x3d = stage.rebnconv3d(torch.cat([x4, x3], 1))
    x2d = stage.rebnconv2d(torch.cat([up(x3d, x2), x2], 1))
    x1d = stage.rebnconv1d(torch.cat([up(x2d, x1), x1], 1))
    torch.testing.assert_close(stage(x), x1d + x_in)
    assert [stage.get_submodule(f"rebnconv{level}").conv_s1.dilation[0] for level in (1, 2, 3, 4)] == [1, 1, 1, 2]


@torch.inference_mode()
def test_a_deep_stage_keeps_its_size_and_dilates_1_2_4_8():
    stage = randomise(DilatedUNet(3, 2, 5))
    x = torch.randn(1, 3, 9, 11)
    x_in = stage.rebnconvin(x)
    x1 = stage.rebnconv1(x_in)
    x2 = stage.rebnconv2(x1)
    x3 = stage.rebnconv3(x2)
    x4 = stage.rebnconv4(x3)
    x3d = stage.rebnconv3d(torch.cat([x4, x3], 1))
    x2d = stage.rebnconv2d(torch.cat([x3d, x2], 1))
    torch.testing.assert_close(stage(x), stage.rebnconv1d(torch.cat([x2d, x1], 1)) + x_in)
    names = ("rebnconv1", "rebnconv2", "rebnconv3", "rebnconv4", "rebnconv3d", "rebnconv2d", "rebnconv1d")
    assert [stage.get_submodule(name).conv_s1.dilation[0] for name in names] == [1, 2, 4, 8, 4, 2, 1]


def test_every_tensor_but_those_of_the_other_sides_takes_part_in_the_answer():
    torch.manual_seed(0)
    model = BackgroundRemoval().eval()
    model(torch.randn(1, 3, 32, 32)).sum().backward()
    idle = {name.split(".")[0] for name, parameter in model.named_parameters() if parameter.grad is None}
    assert idle == {"side2", "side3", "side4", "side5", "side6"}


def test_a_folder_as_published_loads_and_answers_the_same(network, tmp_path):
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    network.config.save(tmp_path / "config.json")
    loaded = load_background_removal(tmp_path, "cpu", torch.float32)
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    np.testing.assert_array_equal(remove_background(loaded, image), remove_background(network, image))


def test_a_published_configuration_is_read_with_all_its_other_keys(tmp_path):
    published = {"_name_or_path": "x", "model_type": "SegformerForSemanticSegmentation", "in_ch": 3, "out_ch": 1}
    (tmp_path / "config.json").write_text(json.dumps(published))
    assert BackgroundRemovalConfig.load(tmp_path / "config.json") == BackgroundRemovalConfig(input_size=1024)
    with pytest.raises(CheckpointError, match="4 channels in"):
        BackgroundRemovalConfig.from_dict({"in_ch": 4})


def test_weights_of_another_network_are_refused_by_name(tmp_path):
    save_file({"side1.weight": torch.zeros(1, 32, 3, 3), "extra": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match="conv_in.weight is missing"):
        load_background_removal(tmp_path, "cpu", torch.float32)
    with pytest.raises(CheckpointError, match="model.safetensors is missing"):
        load_background_removal(tmp_path / "nowhere", "cpu", torch.float32)
