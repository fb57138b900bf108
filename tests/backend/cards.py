"""Devices, sizes and random networks for the tests of a GPU, `test_cuda.py` and `test_cuda_memory.py`."""

from dataclasses import replace

import pytest
import torch

from actionmesh.sizes import SIZES

NEEDS_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
CUDA = pytest.param(torch.device("cuda", 0), marks=NEEDS_CUDA, id="cuda")
DEVICES = [pytest.param(torch.device("cpu"), id="cpu"), CUDA]


def sizes_for(device, layers=3):
    """Return sizes with full width and few layers on a card, tiny sizes elsewhere."""
    if device.type == "cpu":
        return SIZES["tiny"]
    full = SIZES["full"]
    return replace(
        full,
        vae=replace(full.vae, num_layers_encoder=layers, num_layers_decoder=layers),
        image_to_3d=replace(full.image_to_3d, num_layers=layers),
        temporal=replace(full.temporal, num_layers=layers, inflated_layers=tuple(range(layers))),
        autoencoder=replace(full.autoencoder, num_layers=layers),
    )


def random_network(kind, config, device, dtype=torch.bfloat16):
    """Return a network with random weights, made on the device in its type: full-size float32 weights may not fit."""
    with torch.device("meta"):
        network = kind(config)
    network = network.to(dtype).to_empty(device=device).eval().requires_grad_(False)
    for name, weight in network.named_parameters():
        if "norm" in name and name.endswith("weight"):
            weight.fill_(1.0)
        else:
            weight.normal_(std=weight.shape[-1] ** -0.5)
    return network


def noise(device, *shape, dtype=torch.bfloat16):
    return torch.randn(*shape, device=device, dtype=dtype)
