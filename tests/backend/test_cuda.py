"""What a card does differently from the CPU: float8 products, graphs, attention kernels, half precision, memory.

On a machine with a card this one command checks it all; it needs torch, einops, safetensors, pytest and hypothesis.

    python -m pytest tests/backend/test_cuda.py

The same bodies run on the CPU with tiny sizes, so that they are known to work; what only a card has is skipped there.
"""

from dataclasses import replace

import pytest
import torch
from einops import rearrange

from actionmesh.models.attention import rope_table, rotate
from actionmesh.models.denoiser import ImageTo3DDenoiser, TemporalDenoiser
from actionmesh.models.execution import PLAIN, Execution
from actionmesh.models.float8 import Float8Linear, Product, find_product, multiply, quantise_linears, quantise_rows, supports_float8
from actionmesh.models.graphs import Replayed
from actionmesh.models.kernels import attend
from actionmesh.models.shape_vae import ShapeVAE
from actionmesh.models.temporal_autoencoder import TemporalAutoencoder
from actionmesh.progress import Progress
from actionmesh.sampling.guidance import Branches
from actionmesh.sampling.sampler import sample
from actionmesh.sampling.schedules import temporal_schedule
from actionmesh.training.recipes import SIZES
from actionmesh.weights.plan import on_device, plan_named

from .fake_graphs import FakeCuda
from .parity import relative_error

NEEDS_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
CUDA = pytest.param(torch.device("cuda", 0), marks=NEEDS_CUDA, id="cuda")
DEVICES = [pytest.param(torch.device("cpu"), id="cpu"), CUDA]
GB = 2**30


@pytest.fixture(autouse=True)
def without_gradients():
    torch.manual_seed(0)
    with torch.no_grad():
        yield


def sizes_for(device, layers=3):
    """Full width and few layers on a card, tiny ones elsewhere."""
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
    """A network with random weights, made on the device in its type: float32 weights of full size need not fit."""
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


# Float8


def product_of(device, product):
    small = device.type == "cpu"
    x, weight = (noise(device, *size) for size in (((33, 64), (48, 64)) if small else ((2049, 2048), (8192, 2048))))
    (a, a_scale), (b, b_scale), bias = quantise_rows(x), quantise_rows(weight), noise(device, len(weight))
    return multiply(product, a, a_scale, b.t(), b_scale.t().contiguous(), bias)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("product", [Product.ROWS, Product.UNSCALED])
def test_the_cards_float8_products_are_the_emulated_one(device, product):
    if device.type == "cuda" and (not supports_float8(device) or (product is Product.ROWS and find_product(device) is not product)):
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
    """Makes graphs work on a device: the CPU's are a fake."""
    return lambda device: FakeCuda().install(monkeypatch) if device.type == "cpu" else None


def image_to_3d_step(device, execution=PLAIN, float8=False):
    """A guided velocity of (latents, time), and the latents' shape."""
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

    Replayed(function)(weight)  # the first leaves a workspace of cuBLAS behind
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
    angles = positions.double()[0, :, None] * 10000.0 ** (-torch.arange(0, 128, 2, dtype=torch.float64, device=device) / 128)
    pairs = torch.view_as_complex(x.double().unflatten(-1, (-1, 2))) * torch.polar(torch.ones_like(angles), angles)[:, None]
    assert relative_error(rotate(x, rope_table(positions, 128)), torch.view_as_real(pairs).flatten(-2)) < 1e-5


# Memory


@pytest.fixture
def capped():
    """Caps what torch may take of the card, in GB; on the CPU nothing is capped."""

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
    """One guided step of image-to-3D."""
    network = random_network(ImageTo3DDenoiser, sizes.image_to_3d, device)
    network.prepare_inference(plan.execution)
    cache = network.prepare(noise(device, 1, 257, sizes.image_to_3d.cross_attention_dim))
    latents, time = noise(device, 1, sizes.temporal.num_tokens_nominal, sizes.latent), torch.full((1,), 800.0, device=device)
    yield network(latents, time, cache)
    yield network(latents, time, cache.unconditional())


def shape(sizes, plan, device):
    """A surface is encoded, and a chunk of the field decoded."""
    network = random_network(ShapeVAE, sizes.vae, device)
    network.prepare_inference(plan.execution)
    surface = noise(device, 1, sizes.points, 6, dtype=torch.float32)
    mean = network.encode(surface, torch.arange(sizes.temporal.num_tokens_nominal, device=device)[None]).mean
    yield network.query(noise(device, 1, rows(plan, device), 3, dtype=torch.float32), network.prepare(mean))


def stage_1(sizes, plan, device):
    """One guided step of a window, as the plan has guidance computed."""
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
    """One target time, and a chunk of vertices."""
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
    for result in stage(SIZES["full" if device.type == "cuda" else "tiny"], on_device(plan_named(name), device), device):
        assert torch.isfinite(result).all()
    if device.type == "cuda":
        assert torch.cuda.max_memory_reserved(device) <= int(name) * GB


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
    sample(Branches(velocity, velocity), 1.0, torch.randn(1, 2, 4, 2, device=device), schedule, "stage", Progress(note))
    assert len(seen) == 7 and all(seen)
