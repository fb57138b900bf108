"""The published recipe, and one of its steps at full width with fewer layers, tokens and pixels."""

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import Dinov2Model

from actionmesh.models.denoiser import TemporalDenoiser
from actionmesh.models.shape_vae import ShapeVAE
from actionmesh.sizes import SIZES
from actionmesh.training.devices import make_accelerator
from actionmesh.training.draws import EncodedWindows, Seen, flow_draw
from actionmesh.training.loop import Loop
from actionmesh.training.objectives import FrozenVAE, TemporalObjective
from actionmesh.training.parts import new_encoder
from actionmesh.training.recipes import PUBLISHED, recipe_of
from actionmesh.training.recomputing import recompute_blocks
from actionmesh.training.shares import generator_of, moved

FULL = SIZES["full"]


def test_recipe_of_stage_one_is_the_published_one():
    recipe = recipe_of("temporal", "full")
    loop = recipe.loop
    assert (loop.optimiser, loop.rate, loop.weight_decay, loop.steps, recipe.batch) == (
        "adamw",
        1e-4,
        1e-2,
        170_000,
        96,
    )
    assert (recipe.frames, FULL.tokens, FULL.temporal.num_tokens_nominal) == (16, 1024, 2048)
    assert recipe.pure_noise == recipe.uniform == 0 and not recipe.learn_encoder
    assert 96 % loop.parts == 0 and set(PUBLISHED) == {"temporal", "autoencoder"}


def test_full_image_encoder_is_dinov2_large():
    with torch.device("meta"):
        encoder = new_encoder(FULL)
    assert isinstance(encoder, Dinov2Model)
    assert sum(value.numel() for value in encoder.parameters()) == pytest.approx(304.4e6, rel=1e-3)
    assert FULL.grid**2 + 1 == 257


def empty_like(make):
    """Return a network with weights drawn in one pass, which is faster than the published initialisation."""
    with torch.device("meta"):
        network = make()
    network.to_empty(device="cpu")
    for name, value in network.named_parameters():
        torch.nn.init.constant_(value, 1.0) if "norm" in name else value.data.uniform_(-0.02, 0.02)
    return network


def encoded(recipe, sizes, side):
    """Return a draw of windows encoded before, with pictures of noise."""

    def see(generator):
        shape = (recipe.rows, recipe.frames, sizes.tokens, sizes.latent)
        times = torch.arange(float(recipe.frames)).expand(recipe.rows, -1)
        pictures = torch.randn(recipe.rows, recipe.frames, 3, side, side, generator=generator)
        mean, rows = torch.randn(shape, generator=generator), torch.zeros(recipe.rows, dtype=torch.long)
        return Seen(EncodedWindows(mean, torch.zeros(shape), times, rows, pictures), None)

    return flow_draw(see, recipe, sizes)


def test_a_step_at_full_width_learns(tmp_path):
    torch.manual_seed(0)
    sizes = replace(
        FULL,
        tokens=8,
        temporal=replace(FULL.temporal, num_layers=1, inflated_layers=(0,)),
        vae=replace(FULL.vae, num_layers_encoder=1, num_layers_decoder=1),
        encoder=FULL.encoder | {"num_hidden_layers": 1, "image_size": 28},
    )
    denoiser, encoder = (
        empty_like(make) for make in (lambda: TemporalDenoiser(sizes.temporal), lambda: new_encoder(sizes))
    )
    frozen = FrozenVAE(empty_like(lambda: ShapeVAE(sizes.vae)), torch.zeros(1), torch.ones(1))
    objective = TemporalObjective(denoiser, encoder.requires_grad_(False), None, frozen)
    recompute_blocks(objective)
    recipe = replace(
        PUBLISHED["temporal"], batch=2, frames=2, loop=replace(PUBLISHED["temporal"].loop, parts=2, warmup=1)
    )
    before = denoiser.blocks[0].ff.net[2].weight[:4].clone()
    loop = Loop(recipe.loop, objective, encoded(recipe, sizes, 28), tmp_path, "temporal", make_accelerator("cpu"))
    losses = loop.take_step()
    assert len(loop.shares) == 2 and loop.step == 1 and losses["loss"] > 0
    moved_by = (denoiser.blocks[0].ff.net[2].weight[:4] - before).abs()
    assert 0 < moved_by.max() < 2 * recipe.loop.rate


def test_a_step_of_full_size_has_gradients_everywhere():
    """It takes one window of the published recipe's batch, without memory."""
    recipe, meta = PUBLISHED["temporal"], torch.device("meta")
    assert recipe.rows == 1
    with meta:
        denoiser, encoder = TemporalDenoiser(FULL.temporal), new_encoder(FULL, meta)
        frozen = FrozenVAE(ShapeVAE(FULL.vae), torch.zeros(1), torch.ones(1))
        objective = TemporalObjective(denoiser, encoder.requires_grad_(False), None, frozen)
    batch = moved(encoded(recipe, FULL, 224)(generator_of(0, 0, 0)), meta)
    with FlopCounterMode(display=False) as counter:
        objective(batch)["loss"].backward()
    learning = {name: value for name, value in objective.named_parameters() if value.requires_grad}
    assert sum(value.numel() for value in learning.values()) == pytest.approx(1439.6e6, rel=1e-4)
    assert all(value.grad is not None for value in learning.values())
    assert counter.get_total_flops() == pytest.approx(275e12, rel=0.01)
