"""Memory on a GPU: weights that are read from files, offloaded and fetched back, offloaded skips, plans that fit.

`test_cuda.py` says what these tests need, and how they run on the CPU.
"""

from threading import Event

import pytest
import torch
from safetensors.torch import save_file

from actionmesh.acceleration.execution import PLAIN, Execution
from actionmesh.memory.plan import on_device, plan_named
from actionmesh.memory.residence import Waiting
from actionmesh.memory.streaming import PIECE, stream_tensors
from actionmesh.models.denoiser import ImageTo3DDenoiser, TemporalDenoiser
from actionmesh.models.shape_vae import ShapeVAE
from actionmesh.models.temporal_autoencoder import TemporalAutoencoder
from actionmesh.sizes import SIZES
from actionmesh.weights.tensor_file import read_entries

from .cards import CUDA, DEVICES, noise, random_network, sizes_for

GB = 2**30


@pytest.fixture(autouse=True)
def without_gradients():
    torch.manual_seed(0)
    with torch.no_grad():
        yield


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_stream_from_a_file(device, dtype, tmp_path):
    """Each tensor has several pieces, so that staging buffers are reused."""
    tensors = {f"weight {i}": torch.randn(3, PIECE // 5 + i) for i in range(6)}
    tensors |= {"half": torch.randn(70).half(), "count": torch.arange(9)}
    path = tmp_path / "part.safetensors"
    save_file(tensors, path)
    found = stream_tensors(path, read_entries(path), device, lambda name: dtype, Event())
    for name, tensor in tensors.items():
        assert found[name].device == device, name
        assert torch.equal(found[name].cpu(), tensor.to(dtype) if tensor.is_floating_point() else tensor), name


@pytest.mark.parametrize("device", [CUDA])
def test_a_network_that_waited_in_main_memory_is_the_same(device):
    network, alone = (
        random_network(TemporalDenoiser, sizes_for(device).temporal, device),
        torch.cuda.memory_allocated(device),
    )
    before, waiting = [weight.clone() for weight in network.parameters()], Waiting(network)
    for _ in range(2):
        waiting.leave()
        assert not any(weight.is_cuda for weight in network.parameters())
        assert torch.cuda.memory_allocated(device) <= alone  # the clones
        waiting.enter(device)
        assert all(torch.equal(one, other) for one, other in zip(network.parameters(), before, strict=True))


@pytest.mark.parametrize("device", DEVICES)
def test_many_skips_come_back_from_main_memory(device):
    """Nine layers have four skips; two are fetched ahead while the blocks' own tensors are allocated and freed."""
    config = sizes_for(device, layers=9).temporal
    network, frames, tokens = random_network(TemporalDenoiser, config, device), 4, 512 if device.type == "cuda" else 9
    cache = network.prepare(
        noise(device, 1, frames, 257, config.cross_attention_dim),
        torch.arange(float(frames), device=device)[None],
        tokens,
    )
    latents, time = noise(device, 1, frames, tokens, config.in_channels), torch.full((1,), 700.0, device=device)
    network.prepare_inference(PLAIN)
    expected = network(latents, time, cache)
    network.prepare_inference(Execution(host_skips=True))
    for _ in range(5):
        assert torch.equal(network(latents, time, cache), expected)


@pytest.fixture
def capped():
    """Cap torch's memory on the card, in GB; on the CPU there is no cap."""

    def cap(device, gigabytes):
        if device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(device)
            total = torch.cuda.get_device_properties(device).total_memory
            torch.cuda.set_per_process_memory_fraction(min(1.0, gigabytes * GB / total), device)

    yield cap
    if torch.cuda.is_available():
        torch.cuda.set_per_process_memory_fraction(1.0)


def stage_0(sizes, plan, device):
    """Run one guided step of image-to-3D."""
    network = random_network(ImageTo3DDenoiser, sizes.image_to_3d, device)
    network.prepare_inference(plan.execution)
    cache = network.prepare(noise(device, 1, 257, sizes.image_to_3d.cross_attention_dim))
    latents, time = (
        noise(device, 1, sizes.temporal.num_tokens_nominal, sizes.latent),
        torch.full((1,), 800.0, device=device),
    )
    yield network(latents, time, cache)
    yield network(latents, time, cache.unconditional())


def shape(sizes, plan, device):
    """Encode a surface, and decode a chunk of the field."""
    network = random_network(ShapeVAE, sizes.vae, device)
    network.prepare_inference(plan.execution)
    surface = noise(device, 1, sizes.points, 6, dtype=torch.float32)
    mean = network.encode(surface, torch.arange(sizes.temporal.num_tokens_nominal, device=device)[None]).mean
    yield network.query(noise(device, 1, rows(plan, device), 3, dtype=torch.float32), network.prepare(mean))


def stage_1(sizes, plan, device):
    """Run one guided step of a window, with guidance computed as the plan says."""
    config, frames = sizes.temporal, sizes.temporal.temporal_context_size
    network = random_network(TemporalDenoiser, config, device)
    network.prepare_inference(plan.execution)
    times = torch.arange(float(frames), device=device)[None]
    cache = network.prepare(noise(device, 1, frames, 257, config.cross_attention_dim), times, config.num_tokens_nominal)
    latents = noise(device, 1, frames, config.num_tokens_nominal, config.in_channels)
    for branch in [cache.with_unconditional()] if plan.guidance_batch else [cache, cache.unconditional()]:
        batch = 2 if plan.guidance_batch else 1
        yield network(latents.repeat(batch, 1, 1, 1), torch.full((batch,), 800.0, device=device), branch)


def stage_2(sizes, plan, device):
    """Decode one target time for a chunk of vertices."""
    config, alpha = sizes.autoencoder, torch.tensor([0.5], device=device)
    network = random_network(TemporalAutoencoder, config, device)
    network.prepare_inference(plan.execution)
    times = torch.arange(float(config.temporal_context_size), device=device)[None]
    latents = noise(device, 1, config.temporal_context_size, sizes.temporal.num_tokens_nominal, config.latent_channels)
    context = network.prepare_latents(latents, times, 0 * alpha, alpha)
    yield network.field(noise(device, 1, rows(plan, device), 6, dtype=torch.float32), context, 0 * alpha, alpha)


def rows(plan, device):
    return plan.query_rows if device.type == "cuda" else 100


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", ["24", "12", "8", "6"])
@pytest.mark.parametrize("stage", [stage_0, shape, stage_1, stage_2])
def test_a_memory_plan_fits_its_card(device, name, stage, capped):
    if device.type == "cuda" and torch.cuda.get_device_properties(device).total_memory < int(name) * GB:
        pytest.skip("a smaller card")
    capped(device, int(name))
    for result in stage(
        SIZES["full" if device.type == "cuda" else "tiny"], on_device(plan_named(name), device), device
    ):
        assert torch.isfinite(result).all()
    if device.type == "cuda":
        assert torch.cuda.max_memory_reserved(device) <= int(name) * GB
