"""What differs on a GPU: float8 products, graphs, attention kernels, half precision, waiting for the device.

On a machine with a GPU one command checks all of it, including memory. It needs torch, einops, safetensors, pytest and
hypothesis.

    python -m pytest tests/backend/test_cuda.py tests/backend/test_cuda_memory.py

The same tests run on the CPU with tiny sizes, so that they are known to work; what only a GPU has is skipped there.
"""

import pytest
import torch
from einops import rearrange

from actionmesh.acceleration.execution import PLAIN, Execution
from actionmesh.acceleration.float8 import (
    Float8Linear,
    Product,
    find_product,
    multiply,
    quantise_linears,
    quantise_rows,
    supports_float8,
)
from actionmesh.acceleration.graphs import Replayed
from actionmesh.acceleration.kernels import attend
from actionmesh.models.attention import rope_table, rotate
from actionmesh.models.denoiser import ImageTo3DDenoiser, TemporalDenoiser
from actionmesh.models.shape_vae import ShapeVAE
from actionmesh.models.temporal_autoencoder import TemporalAutoencoder
from actionmesh.progress import Progress
from actionmesh.protocol import Stage
from actionmesh.sampling.guidance import Branches
from actionmesh.sampling.sampler import sample
from actionmesh.sampling.schedules import temporal_schedule

from .cards import CUDA, DEVICES, NEEDS_CUDA, noise, random_network, sizes_for
from .fake_graphs import FakeCuda
from .parity import relative_error


@pytest.fixture(autouse=True)
def without_gradients():
    torch.manual_seed(0)
    with torch.no_grad():
        yield


# Float8


def product_of(device, product):
    small = device.type == "cpu"
    x, weight = (noise(device, *size) for size in (((33, 64), (48, 64)) if small else ((2049, 2048), (8192, 2048))))
    (a, a_scale), (b, b_scale), bias = quantise_rows(x), quantise_rows(weight), noise(device, len(weight))
    return multiply(product, a, a_scale, b.t(), b_scale.t().contiguous(), bias)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("product", [Product.ROWS, Product.UNSCALED])
def test_the_cards_float8_products_are_the_emulated_one(device, product):
    if device.type == "cuda" and (
        not supports_float8(device) or (product is Product.ROWS and find_product(device) is not product)
    ):
        pytest.skip(f"this card has no float8 product {product}")
    torch.manual_seed(1)
    ours = product_of(device, product)
    torch.manual_seed(1)
    assert ours.dtype == torch.bfloat16
    assert relative_error(ours, product_of(device, Product.EMULATED)) < 5e-3


@pytest.mark.parametrize("device", [CUDA])
def test_cards_from_ada_on_have_float8(device):
    if torch.cuda.get_device_capability(device) < (8, 9):
        pytest.skip("an older card")
    assert supports_float8(device)


@pytest.mark.parametrize("device", [CUDA])
def test_compiled_float8_is_the_eager_one(device):
    layer, x = Float8Linear(noise(device, 8192, 2048), noise(device, 8192)), noise(device, 2, 2049, 2048)
    assert relative_error(torch.compile(layer, fullgraph=True)(x), layer(x)) < 5e-3


# Graphs


@pytest.fixture
def graphs_on(monkeypatch):
    """Make graphs work on a device; on the CPU they are a fake."""
    return lambda device: FakeCuda().install(monkeypatch) if device.type == "cpu" else None


def image_to_3d_step(device, execution=PLAIN, float8=False):
    """Return a guided velocity of (latents, time), and the latents' shape."""
    config = sizes_for(device).image_to_3d
    network = random_network(ImageTo3DDenoiser, config, device)
    network.prepare_inference(execution)
    if float8:
        quantise_linears(network)
    both = network.prepare(noise(device, 1, 257, config.cross_attention_dim)).with_unconditional()

    def velocity(latents, time):
        conditional, unconditional = network(latents.bfloat16().repeat(2, 1, 1), time.repeat(2), both).float().chunk(2)
        return unconditional + 7.5 * (conditional - unconditional)

    return velocity, (1, 2048 if device.type == "cuda" else 16, config.in_channels)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("compiled", "float8"), [(False, False), (False, True), (True, True)])
def test_replayed_steps_are_the_eager_ones(device, graphs_on, compiled, float8):
    if compiled and device.type == "cpu":
        pytest.skip("compiling takes long on a CPU, and its fake of graphs runs no compiled code")
    velocity, shape = image_to_3d_step(device, Execution(compiled=compiled, graphs=True), float8)
    graphs_on(device)
    replayed = Replayed(velocity)
    for time in (999.0, 500.0, 20.0):
        latents, at = noise(device, *shape, dtype=torch.float32), torch.tensor(time, device=device).expand(1)
        assert relative_error(replayed(latents, at), velocity(latents, at)) < 5e-3


@pytest.mark.parametrize("device", DEVICES)
def test_after_a_failed_recording_the_device_works_on(device, graphs_on):
    graphs_on(device)
    failing, x = Replayed(lambda x: x * x.sum().item()), torch.ones(64, 64, device=device)
    assert torch.equal(failing(x), failing(2 * x) / 4)
    assert torch.equal((x @ x).sum(), torch.tensor(64.0**3, device=device))
    assert torch.equal(Replayed(lambda x: x @ x)(x), x @ x)


@pytest.mark.parametrize("device", [CUDA])
def test_a_dropped_recording_frees_its_memory(device):
    weight = noise(device, 4096, 4096)

    def function(x):
        return torch.cat([x @ weight] * 8)

    Replayed(function)(weight)  # the first call leaves a cuBLAS workspace allocated
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated(device)
    replayed = Replayed(function)
    replayed(weight)
    assert torch.cuda.memory_allocated(device) > before + 4096**2 * 2 * 8
    del replayed
    torch.cuda.synchronize(device)
    torch.cuda.empty_cache()
    assert torch.cuda.memory_allocated(device) <= before + 4096**2


# Attention and half precision


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("batch", "queries", "keys"), [(2, 4098, 4098), (16, 2049, 257), (1, 1000, 2048), (3, 17, 5)])
def test_attention_kernels_agree_with_mathematics(device, batch, queries, keys):
    scale, heads, width = (1, 16, 128) if device.type == "cuda" else (16, 2, 32)
    lengths = [max(2, length // scale) for length in (queries, keys, keys)]
    q, k, v = (noise(device, batch, length, heads, width) for length in lengths)
    scores = torch.einsum("blhd,bshd->bhls", q.float(), k.float()) * width**-0.5
    expected = torch.einsum("bhls,bshd->blhd", scores.softmax(dim=-1), v.float())
    assert relative_error(attend(q, k, v), rearrange(expected, "b l h d -> b l (h d)")) < 1e-2


EXECUTIONS = {
    "plain": PLAIN,
    "few rows": Execution(feed_forward_rows=40),
    "skips on the host": Execution(host_skips=True),
    "context anew": Execution(keep_context=False),
    "compiled": Execution(compiled=True),
}


def temporal_step(network, device):
    config, frames, tokens = network.config, 4, 512 if device.type == "cuda" else 9
    context = noise(device, 1, frames, 257, config.cross_attention_dim)
    times = torch.arange(float(frames), device=device)[None]
    both = network.prepare(context, times, tokens).with_unconditional()
    latents = noise(device, 1, frames, tokens, config.in_channels).repeat(2, 1, 1, 1)
    known = torch.tensor([[1.0, 0, 0, 0]], device=device).repeat(2, 1)
    return network(latents, torch.full((2,), 700.0, device=device), both, known, times.repeat(2, 1))


def autoencoder_step(network, device):
    config, frames, alpha = network.config, 4, torch.tensor([0.5], device=device)
    latents = noise(device, 1, frames, 64, config.latent_channels)
    context = network.prepare_latents(latents, torch.arange(float(frames), device=device)[None], 0 * alpha, alpha)
    return network.field(noise(device, 1, 300, 6, dtype=torch.float32), context, 0 * alpha, alpha)


def vae_step(network, device):
    posterior = network.encode(noise(device, 1, 200, 6, dtype=torch.float32), torch.arange(50, device=device)[None])
    return network.query(noise(device, 1, 300, 3, dtype=torch.float32), network.prepare(posterior.mean))


STEPS = {
    "temporal": (TemporalDenoiser, temporal_step),
    "autoencoder": (TemporalAutoencoder, autoencoder_step),
    "vae": (ShapeVAE, vae_step),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("execution", EXECUTIONS)
@pytest.mark.parametrize("part", STEPS)
def test_a_prepared_half_network_is_the_plain_one(device, part, execution):
    if execution == "compiled" and device.type == "cpu":
        pytest.skip("compiling takes long on a CPU")
    kind, step = STEPS[part]
    network = random_network(kind, getattr(sizes_for(device), part), device)
    torch.manual_seed(2)
    plain = step(network, device)
    network.prepare_inference(EXECUTIONS[execution])
    torch.manual_seed(2)
    assert relative_error(step(network, device), plain) < 2e-2


@pytest.mark.parametrize("device", DEVICES)
def test_rotations_are_those_of_float64(device):
    x, positions = noise(device, 1, 31, 2, 128, dtype=torch.float32), torch.arange(31.0, device=device)[None]
    angles = positions.double()[0, :, None] * 10000.0 ** (
        -torch.arange(0, 128, 2, dtype=torch.float64, device=device) / 128
    )
    pairs = (
        torch.view_as_complex(x.double().unflatten(-1, (-1, 2))) * torch.polar(torch.ones_like(angles), angles)[:, None]
    )
    assert relative_error(rotate(x, rope_table(positions, 128)), torch.view_as_real(pairs).flatten(-2)) < 1e-5


@NEEDS_CUDA
def test_progress_is_told_once_the_step_before_is_done():
    device, done, seen = torch.device("cuda", 0), [], []
    slow = torch.randn(4096, 4096, device=device)

    def velocity(latents, time):
        for _ in range(20):
            slow @ slow
        done.append(torch.cuda.Event())
        done[-1].record()
        return latents

    def note(event):
        if event.step >= 2:
            seen.append(done[event.step - 2].query())

    schedule = temporal_schedule(8)
    sample(
        Branches(velocity, velocity),
        1.0,
        torch.randn(1, 2, 4, 2, device=device),
        schedule,
        Stage.MOTION,
        Progress(note),
    )
    assert len(seen) == 7 and all(seen)
