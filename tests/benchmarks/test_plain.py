"""The plain version makes the same animation as the product, with different operations."""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch

from actionmesh.models.attention import Attention
from actionmesh.models.denoiser import TemporalDenoiser
from actionmesh.presets import PRESETS
from actionmesh.stages import branches
from benchmarks.cases import public_architecture
from benchmarks.plain import dense_surface, plain
from benchmarks.random_weights import RandomNetworks
from benchmarks.workload import Workload, run_stages, torus_field

SIZES = public_architecture(width=32, heads=2, layers=3, tokens=16)
WORKLOAD = Workload(frames=4, pixels=32, rings=12, segments=8)
PRESET = replace(PRESETS["quality"], image_steps=3, steps=3, resolution=16)


def animated(plan="24"):
    return run_stages(RandomNetworks(SIZES, "cpu", plan).model, PRESET, WORKLOAD, lambda stage: nullcontext())


@pytest.fixture(scope="module")
def straightforward():
    with plain():
        return animated()


@pytest.mark.parametrize("plan", ["24", "12", "8", "6"])
def test_every_plan_makes_the_plain_animation(straightforward, plan):
    made = animated(plan)
    assert np.ptp(made[1:] - made[:1]) > 1e-2
    np.testing.assert_allclose(made, straightforward, rtol=0, atol=1e-4)


@torch.no_grad()
def test_denoising_steps_are_equal():
    """The velocities of both branches are equal, not only the result."""
    latents, times, time = torch.randn(1, 4, 16, 64), torch.arange(4.0)[None], torch.tensor([700.0])
    context, known = torch.randn(1, 4, 5, 32), torch.tensor([[1.0, 0, 0, 0]])

    def velocities():
        network = RandomNetworks(SIZES, "cpu", "24").temporal_denoiser
        cache = network.prepare(context, times, 16)
        return [network(latents, time, each, known, times) for each in (cache, cache.unconditional())]

    with plain():
        expected = velocities()
    for ours, theirs in zip(velocities(), expected, strict=True):
        assert theirs.std() > 0.1
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)


@torch.no_grad()
def test_fields_are_equal():
    latent, points = torch.randn(1, 16, 64), torch.rand(1, 50, 3) * 2 - 1

    def field():
        vae = RandomNetworks(SIZES, "cpu", "24").shape_vae
        return super(type(vae), vae).query(points, vae.prepare(latent))

    with plain():
        expected = field()
    assert expected.std() > 0.01
    torch.testing.assert_close(field(), expected, rtol=0, atol=1e-4)


def test_plain_projects_apart_and_again_in_every_step(monkeypatch):
    """Two ways of computing are compared: one keeps and fuses, the other does not."""
    calls = []
    monkeypatch.setattr(TemporalDenoiser, "prepare", counting(calls, "prepare", TemporalDenoiser.prepare))
    monkeypatch.setattr(Attention, "fuse_projections", counting(calls, "fuse", Attention.fuse_projections))
    animated()
    assert calls.count("prepare") == 1 and "fuse" in calls
    calls.clear()
    with plain():
        animated()
    assert calls.count("prepare") == PRESET.steps and "fuse" not in calls


def test_plain_records_no_graphs():
    with plain():
        assert branches.Replayed(len) is len
    assert branches.Replayed(len) is not len


def counting(calls, name, function):
    def counted(*arguments):
        calls.append(name)
        return function(*arguments)

    return counted


def test_dense_surface_is_the_torus():
    vertices, faces = dense_surface(lambda points: torus_field(points)[..., 0], 32, chunk=5000)
    assert float(torus_field(torch.from_numpy(vertices)).abs().max()) < 0.02
    a, b, c = np.moveaxis(vertices[faces].astype(np.float64), 1, 0)
    volume = np.einsum("fx,fx->", a, np.cross(b, c)) / 6
    assert volume == pytest.approx(2 * np.pi**2 * 0.62 * 0.3**2, rel=0.03)
