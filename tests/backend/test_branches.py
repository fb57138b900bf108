"""Both branches of guidance in one denoiser, and the stages with every approximation, on a tiny checkpoint."""

from dataclasses import replace

import pytest
import torch

from actionmesh.memory.model import open_model
from actionmesh.memory.plan import PLANS
from actionmesh.models.denoiser import DenoiserCache
from actionmesh.stages.branches import branches_of
from actionmesh.stages.motion import generate_window
from actionmesh.stages.reference import latent_from_picture
from actionmesh.stages.run import Run

ROOMY, SMALL = PLANS[0], PLANS[-1]
FRAMES = [2, 3, 4, 5]


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def window(run, preset):
    """Run Stage I on four frames, the first of which is known."""
    return generate_window(run, {2: drawn(16, 8)}, FRAMES, drawn(4, 5, 32, seed=1), preset, 0)


def shape(run, preset):
    return latent_from_picture(run, drawn(5, 32, seed=2), preset, 0)


@pytest.fixture(scope="module")
def preset(tiny_run):
    return replace(tiny_run.facts.preset("quality"), steps=4, guidance=3.0, image_steps=4, image_guidance=3.0)


@pytest.mark.parametrize("make", [window, shape])
def test_a_batch_of_two_gives_what_one_after_the_other_gives(make, tiny_checkpoint, preset):
    assert ROOMY.guidance_batch and not SMALL.guidance_batch
    together, apart = (make(Run.of(open_model(tiny_checkpoint, "cpu", plan.name)), preset) for plan in (ROOMY, SMALL))
    torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("graphs", [False, True])
@pytest.mark.parametrize("as_batch", [False, True])
def test_the_denoiser_is_asked_once_for_a_pair_that_is_a_batch(as_batch, graphs):
    rows = []

    def velocity(latents, time, cache):
        rows.append(len(latents))
        picture = torch.zeros(len(latents)) if cache.context is None else torch.ones(len(latents))
        if cache.paired:
            picture[len(latents) // 2 :] = 0
        return latents * (1 + picture.view(-1, 1, 1)) + time.view(-1, 1, 1)

    cache = DenoiserCache(torch.zeros(1, 3, 4), None)
    branches = branches_of(velocity, cache, as_batch, graphs)
    latents, time = drawn(1, 2, 3), torch.tensor([7.0])
    conditional, unconditional = branches.both(latents, time)
    assert rows == ([2] if as_batch else [1, 1])
    torch.testing.assert_close(conditional, 2 * latents + 7)
    torch.testing.assert_close(unconditional, latents + 7)
    torch.testing.assert_close(branches.conditional(latents, time), conditional)


SWITCHES = [
    {"solver": "ab2"},
    {"solver": "unipc"},
    {"guidance_interval": (0.0, 0.8)},
    {"difference_every": 2},
    {"velocity_every": 2},
    {"velocity_every": 2, "forecast": "last"},
    {"float8": True},
]


@pytest.mark.parametrize("switches", SWITCHES)
def test_every_switch_changes_the_motion_a_little_and_keeps_known_frames(switches, tiny_run, preset):
    exact, approximate = window(tiny_run, preset), window(tiny_run, preset.changed(switches))
    assert torch.equal(approximate[0], drawn(16, 8)) and torch.equal(exact[0], drawn(16, 8))
    assert 1e-5 < (approximate - exact).norm() / exact.norm() < 0.6


@pytest.mark.parametrize("switches", SWITCHES)
def test_the_solver_changes_the_reference_shape_and_nothing_else_does(switches, tiny_run, preset):
    exact, approximate = shape(tiny_run, preset), shape(tiny_run, preset.changed(switches))
    if "solver" in switches:
        assert 1e-5 < (approximate - exact).norm() / exact.norm() < 0.6
    else:
        assert torch.equal(approximate, exact)


def test_a_job_in_8_bits_leaves_the_exact_network_as_it_was(tiny_checkpoint, preset):
    run = Run.of(open_model(tiny_checkpoint, "cpu"))
    before = window(run, preset)
    assert not torch.equal(window(run, preset.changed({"float8": True})), before)
    assert torch.equal(window(run, preset), before)
