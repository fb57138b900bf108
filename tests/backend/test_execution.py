"""Every Execution of a network computes the same as the network as trained."""

from dataclasses import replace

import pytest
import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from actionmesh.acceleration import compilation
from actionmesh.acceleration.execution import PLAIN, Execution
from actionmesh.models.denoiser import ImageTo3DDenoiser, TemporalDenoiser
from actionmesh.models.layers import FeedForward
from actionmesh.models.shape_vae import ShapeVAE
from actionmesh.models.temporal_autoencoder import TemporalAutoencoder
from actionmesh.sizes import FULL, SIZES

from .parity import assert_matches

TINY = SIZES["tiny"]
BATCH, FRAMES, TOKENS, IMAGE_TOKENS = 2, 3, 16, 5
EXECUTIONS = {
    "prepared": PLAIN,
    "few rows": Execution(feed_forward_rows=7),
    "host skips": Execution(host_skips=True),
    "context not kept": Execution(keep_context=False),
    "compiled": Execution(compiled=True),
    "smallest": Execution(feed_forward_rows=7, host_skips=True, keep_context=False),
}


@pytest.fixture(autouse=True)
def traced_only(monkeypatch):
    """Trace blocks into torch's basic operations without compiling C++, which takes a minute."""
    monkeypatch.setattr(compilation, "BACKEND", "aot_eager")
    monkeypatch.setattr(compilation.call_compiled, "_compiled", None)
    monkeypatch.setattr(compilation.call_compiled, "_failed", False)
    yield
    assert not compilation.call_compiled._failed


def random_network(kind, config):
    torch.manual_seed(0)
    return kind(config).eval().requires_grad_(False)


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def image_to_3d(network, guided=lambda cache: cache, batch=BATCH):
    cache = guided(network.prepare(noise(BATCH, IMAGE_TOKENS, 32)))
    return network(noise(BATCH, TOKENS, 8).repeat(batch // BATCH, 1, 1), torch.full((batch,), 700.0), cache)


def temporal(network, guided=lambda cache: cache, batch=BATCH):
    times = torch.arange(float(FRAMES)).repeat(BATCH, 1)
    cache = guided(network.prepare(noise(BATCH, FRAMES, IMAGE_TOKENS, 32), times, TOKENS))
    known, time = torch.tensor([[1.0, 0, 0], [0, 1, 1]]), torch.linspace(100.0, 900.0, BATCH)
    inputs = (noise(BATCH, FRAMES, TOKENS, 8), time, known, times)
    latents, time, known, times = (torch.cat([x] * (batch // BATCH)) for x in inputs)
    return network(latents, time, cache, known, times)


def shape_vae(network):
    posterior = network.encode(noise(BATCH, 64, 6), torch.arange(TOKENS).repeat(BATCH, 1))
    return network.query(noise(BATCH, 40, 3), network.prepare(posterior.mean))


def temporal_autoencoder(network):
    times, alpha = torch.arange(float(FRAMES)).repeat(BATCH, 1), torch.full((BATCH,), 0.4)
    context = network.prepare_latents(noise(BATCH, FRAMES, TOKENS, 8), times, 0 * alpha, alpha)
    return network.field(noise(BATCH, 40, 6), context, 0 * alpha, alpha)


NETWORKS = {
    "image_to_3d": (ImageTo3DDenoiser, TINY.image_to_3d, image_to_3d),
    "temporal": (TemporalDenoiser, replace(TINY.temporal, inflated_layers=(0, 2)), temporal),
    "shape_vae": (ShapeVAE, TINY.vae, shape_vae),
    "temporal_autoencoder": (TemporalAutoencoder, TINY.autoencoder, temporal_autoencoder),
    "published_autoencoder": (
        TemporalAutoencoder,
        replace(TINY.autoencoder, time_conditioning="tokens"),
        temporal_autoencoder,
    ),
}
DENOISERS = {name: NETWORKS[name] for name in ("image_to_3d", "temporal")}


@pytest.mark.parametrize("execution", EXECUTIONS)
@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_a_prepared_network_is_the_trained_one(name, execution):
    kind, config, answer = NETWORKS[name]
    network = random_network(kind, config)
    trained = answer(network)
    network.prepare_inference(EXECUTIONS[execution])
    assert_matches(answer(network), trained, 1e-5)


@pytest.mark.parametrize("execution", EXECUTIONS)
@pytest.mark.parametrize("name", DENOISERS)
@torch.no_grad()
def test_a_guidance_batch_is_the_two_branches(name, execution):
    kind, config, answer = NETWORKS[name]
    network = random_network(kind, config)
    conditional, unconditional = answer(network), answer(network, lambda cache: cache.unconditional())
    network.prepare_inference(EXECUTIONS[execution])
    both = answer(network, lambda cache: cache.with_unconditional(), 2 * BATCH)
    assert_matches(both, torch.cat([conditional, unconditional]), 1e-5)
    assert (conditional - unconditional).norm() > 1e-2 * conditional.norm()


@torch.no_grad()
def test_a_context_of_other_frames_is_refused():
    network = random_network(ImageTo3DDenoiser, TINY.image_to_3d)
    with pytest.raises(AssertionError, match="a context of 2 frames for 4"):
        image_to_3d(network, batch=2 * BATCH)


@torch.no_grad()
def test_preparing_again_changes_the_execution():
    network = random_network(TemporalDenoiser, TINY.temporal)
    trained = temporal(network)
    for execution in (PLAIN, Execution(keep_context=False), PLAIN):
        network.prepare_inference(execution)
        cache = network.prepare(noise(1, FRAMES, IMAGE_TOKENS, 32), torch.arange(float(FRAMES))[None], TOKENS)
        assert isinstance(cache.context, tuple) == execution.keep_context
        assert_matches(temporal(network), trained, 1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_preparation_keeps_no_weight_twice(name):
    kind, config, _ = NETWORKS[name]
    network = random_network(kind, config)
    names, size = set(network.state_dict()), held_bytes(network)
    assert not any("qkv" in key or "to_kv" in key for key in names) and any("to_v" in key for key in names)
    network.prepare_inference(PLAIN)
    assert held_bytes(network) == size
    assert not any("to_v" in key or "to_k." in key for key in network.state_dict())
    assert all(not weight.requires_grad for weight in network.parameters())


@torch.no_grad()
def test_a_kept_context_holds_keys_and_values_alone():
    network = random_network(ImageTo3DDenoiser, TINY.image_to_3d)
    network.prepare_inference(PLAIN)
    context = network.prepare(noise(BATCH, IMAGE_TOKENS, 32)).context
    kept = [tensor for layer in context for tensor in (layer.keys, layer.values)]
    assert bytes_behind(kept) == 2 * len(network.blocks) * BATCH * IMAGE_TOKENS * 32 * 4


def held_bytes(network):
    return bytes_behind(network.parameters())


def bytes_behind(tensors):
    """Return the bytes of the tensors' memory, counting shared memory once."""
    return sum({storage(tensor).data_ptr(): storage(tensor).nbytes() for tensor in tensors}.values())


def test_a_trained_network_can_still_learn():
    network = random_network(TemporalDenoiser, TINY.temporal).train().requires_grad_(True)
    temporal(network).square().mean().backward()
    block = network.blocks[-1]
    weights = (block.linear_skip.weight, block.s_attn.to_k.weight, block.x_attn.to_v.weight, block.s_attn.norm_q.weight)
    assert all(weight.grad is not None and weight.grad.norm() > 0 for weight in weights)


def test_few_rows_take_less_memory():
    whole, few = FeedForward(32).eval(), FeedForward(32).eval()
    few.rows = 10
    x = torch.randn(4, 100, 32)
    peaks = []
    for network in (whole, few):
        with torch.no_grad(), LiveBytes() as live:
            network(x)
        peaks.append(live.peak / x.nbytes)
    assert peaks[0] == 8, "inner activations, before and after the GELU, are four times x each"
    assert 1 < peaks[1] < 1.3


class LiveBytes(TorchDispatchMode):
    """A record of the peak bytes held by the results of operations."""

    def __init__(self):
        super().__init__()
        self.peak = 0
        self._sizes = {}

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        given = {storage(leaf).data_ptr() for leaf in tree_leaves(args) if isinstance(leaf, torch.Tensor)}
        for made in (storage(leaf) for leaf in tree_leaves(result)):
            if made.data_ptr() not in given:
                self._sizes[StorageWeakRef(made)] = made.nbytes()
        self._sizes = {held: size for held, size in self._sizes.items() if not held.expired()}
        self.peak = max(self.peak, sum(self._sizes.values()))
        return result


def storage(tensor):
    return tensor.untyped_storage()


def test_a_prepared_guided_step_of_full_size_takes_fewer_operations():
    """It runs on the meta device, where a product costs nothing and torch counts its operations."""
    with torch.device("meta"), torch.no_grad():
        network = TemporalDenoiser(FULL.temporal).eval()
        context, times = torch.empty(1, 16, 257, 1024), torch.arange(16.0)[None]
        latents, time = torch.empty(1, 16, 2048, 64), torch.empty(1)
        conditional = network.prepare(context, times, 2048)
        zero = network.prepare(torch.zeros_like(context), times, 2048)
        plain = operations(lambda: [network(latents, time, cache) for cache in (conditional, zero)])
        network.prepare_inference(PLAIN)
        both = network.prepare(context, times, 2048).with_unconditional()
        prepared = operations(lambda: network(latents.repeat(2, 1, 1, 1), time.repeat(2), both))
    assert 0.9 < prepared / plain < 0.98
    assert 1.0e15 < 2 * prepared < 1.2e15


def operations(call):
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()
