"""Float8 linear layers: rounding, emulation, which layers are replaced, and how a device's product is chosen."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from actionmesh.acceleration import float8
from actionmesh.acceleration.execution import PLAIN
from actionmesh.acceleration.float8 import (
    FLOAT8,
    LARGEST,
    Float8Linear,
    Product,
    quantise_linears,
    quantise_rows,
    quantises_on,
    supports_float8,
)
from actionmesh.models.denoiser import ImageTo3DDenoiser, TemporalDenoiser
from actionmesh.models.temporal_autoencoder import TemporalAutoencoder
from actionmesh.sizes import SIZES

from .parity import relative_error

CPU = torch.device("cpu")
SIZE = SIZES["tiny"]


def seeded(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def dequantised(x):
    rows, scale = quantise_rows(x)
    return rows.double() * scale.double()


def test_each_row_fills_the_range_and_keeps_three_bits():
    x = seeded(40, 64) * torch.logspace(-6, 6, 40)[:, None]
    rows, scale = quantise_rows(x)
    assert rows.dtype == FLOAT8 and scale.shape == (40, 1) and scale.dtype == torch.float32
    assert torch.equal(rows.float().abs().amax(dim=1), torch.full((40,), LARGEST))
    normal = x.abs() > scale * 2.0**-6
    assert ((dequantised(x) - x).abs() <= x.abs() * 2.0**-4 * (1 + 1e-6))[normal].all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_extreme_rows_stay_finite(dtype):
    finite = torch.finfo(dtype)
    x = torch.tensor([[0.0] * 16, [finite.max] * 16, [-finite.max] * 16, [finite.tiny] * 16], dtype=dtype)
    rows, scale = quantise_rows(x)
    assert torch.isfinite(rows.float()).all() and torch.isfinite(scale).all() and (scale > 0).all()
    assert not rows[0].float().any() and torch.equal(rows[2].float(), torch.full((16,), -LARGEST))


def test_not_a_number_stays_one():
    rows, _ = quantise_rows(torch.tensor([[float("nan")] + [1.0] * 15, [1.0] * 16]))
    assert rows[0].float().isnan().any() and torch.isfinite(rows[1].float()).all()


def test_the_emulation_is_the_product_of_the_rounded_numbers():
    linear, x = nn.Linear(64, 48), seeded(2, 5, 64)
    expected = dequantised(x.flatten(0, 1)) @ dequantised(linear.weight.detach()).t() + linear.bias.detach().double()
    ours = Float8Linear(linear.weight, linear.bias)(x)
    assert ours.shape == (2, 5, 48) and ours.dtype == x.dtype
    assert relative_error(ours.flatten(0, 1), expected) < 1e-6


def test_rounding_costs_some_accuracy_and_not_much():
    linear, x = nn.Linear(256, 128), seeded(64, 256)
    error = relative_error(Float8Linear(linear.weight, linear.bias)(x), linear(x).detach())
    assert 0.01 < error < 0.05


def test_an_outlier_spoils_no_other_token_and_no_other_channel():
    linear, x = nn.Linear(64, 48, bias=False), seeded(6, 64)
    before = Float8Linear(linear.weight)(x)
    x[2, 7] = 1e4
    with torch.no_grad():
        linear.weight[11, 5] = 1e4
    after = Float8Linear(linear.weight)(x)
    others = torch.arange(6) != 2
    channels = torch.arange(48) != 11
    assert torch.equal(after[others][:, channels], before[others][:, channels])


def test_half_inputs_give_half_results():
    linear = nn.Linear(32, 16).to(torch.bfloat16)
    ours = Float8Linear(linear.weight, linear.bias)(seeded(3, 32).bfloat16())
    assert ours.dtype == torch.bfloat16 and relative_error(ours, linear(seeded(3, 32).bfloat16()).detach()) < 0.06


def test_inputs_that_are_not_contiguous_are_taken():
    layer, x = Float8Linear(seeded(16, 32)), seeded(32, 5, 2)
    assert torch.equal(layer(x.permute(2, 1, 0)), layer(x.permute(2, 1, 0).contiguous()))


@pytest.mark.parametrize("shape", [(24, 32), (32, 24), (0, 16)])
def test_sizes_that_no_card_multiplies_are_refused(shape):
    with pytest.raises(ValueError, match="not a multiple of 16"):
        Float8Linear(torch.ones(shape))


def prepared(kind, config):
    torch.manual_seed(0)
    network = kind(config).eval()
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter, std=0.1)
    network.prepare_inference(PLAIN)
    return network


def velocity(denoiser):
    with torch.no_grad():
        cache = denoiser.prepare(
            seeded(2, 3, 5, SIZE.temporal.cross_attention_dim), torch.arange(3.0).expand(2, 3), tokens=7
        )
        return denoiser(seeded(2, 3, 7, SIZE.temporal.in_channels), torch.tensor([900.0, 300.0]), cache)


def linears(network):
    return {name for name, module in network.named_modules() if isinstance(module, nn.Linear)}


def test_a_denoiser_keeps_its_velocity_roughly():
    denoiser = prepared(TemporalDenoiser, SIZE.temporal)
    exact = velocity(denoiser)
    assert quantise_linears(denoiser) == 6 * SIZE.temporal.num_layers
    assert 1e-3 < relative_error(velocity(denoiser), exact) < 0.1


def test_in_a_denoiser_only_what_sees_all_tokens_is_replaced():
    denoiser = prepared(ImageTo3DDenoiser, SIZE.image_to_3d)
    before = linears(denoiser)
    quantise_linears(denoiser)
    in_blocks = {name for name in before if name.startswith("blocks.")}
    kept = {f"blocks.{i}.x_attn.to_kv" for i in range(3)} | {"blocks.2.linear_skip"}
    assert linears(denoiser) == before - in_blocks | kept
    assert quantise_linears(denoiser) == 0


def test_in_a_decoder_the_queries_block_is_replaced_too():
    autoencoder = prepared(TemporalAutoencoder, SIZE.autoencoder)
    count = quantise_linears(autoencoder)
    assert count == 4 * len(autoencoder.blocks)


def test_replaced_weights_take_a_byte():
    denoiser = prepared(ImageTo3DDenoiser, SIZE.image_to_3d).bfloat16()
    before = sum(t.numel() for t in denoiser.blocks[0].ff.state_dict().values())
    quantise_linears(denoiser)
    tensors = denoiser.blocks[0].ff.state_dict().values()
    assert sum(t.numel() * t.element_size() for t in tensors if t.dtype == FLOAT8) == 2 * 4 * SIZE.image_to_3d.width**2
    assert sum(t.numel() * t.element_size() for t in tensors) < 1.3 * before


def test_layers_of_odd_sizes_stay():
    network = prepared(ImageTo3DDenoiser, replace(SIZE.image_to_3d, width=24))
    before = linears(network)
    assert quantise_linears(network) == 0 and linears(network) == before


def test_a_network_that_is_not_prepared_is_our_own_fault():
    with pytest.raises(AssertionError, match="not prepared"):
        quantise_linears(TemporalDenoiser(SIZE.temporal))


@torch.no_grad()
def test_torch_compile_takes_it_whole_and_asks_for_the_product_once(monkeypatch):
    asked = []

    def find(device):
        asked.append(float(torch.ones(4).sum()))  # real tensors, although a graph is traced
        return Product.EMULATED

    monkeypatch.setattr(float8, "find_product", find)
    layer, x = Float8Linear(seeded(16, 32), seeded(16)), seeded(3, 32)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    results = [compiled(x * factor) for factor in (1, 2, 3)]
    assert 1 <= len(asked) <= 3 and set(asked) == {4.0}
    traced = len(asked)
    torch.testing.assert_close(compiled(x), results[0], rtol=0, atol=0)
    assert len(asked) == traced
    torch.testing.assert_close(results[2], layer(3 * x), rtol=1e-5, atol=1e-5)


@pytest.fixture
def card(monkeypatch):
    """Install a fake card, with its capability and the products that work on it."""
    card = SimpleNamespace(capability=(9, 0), works=set(Product))
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: card.capability)
    monkeypatch.setattr(float8, "_works", lambda product, device: product in card.works)
    float8.find_product.cache_clear()
    yield card
    float8.find_product.cache_clear()


@pytest.mark.parametrize(
    ("capability", "works", "found"),
    [
        ((9, 0), {Product.ROWS, Product.UNSCALED}, Product.ROWS),
        ((8, 9), {Product.UNSCALED}, Product.UNSCALED),
        ((8, 9), set(), Product.EMULATED),
        ((8, 6), {Product.ROWS, Product.UNSCALED}, Product.EMULATED),
    ],
)
def test_the_fastest_product_that_works_is_found(card, capability, works, found):
    card.capability, card.works = capability, works
    assert float8.find_product(torch.device("cuda", 0)) is found
    assert (
        supports_float8(torch.device("cuda", 0))
        == quantises_on(torch.device("cuda", 0))
        == (found is not Product.EMULATED)
    )


def test_where_nothing_is_gained_a_network_stays_exact(monkeypatch, caplog):
    denoiser = prepared(ImageTo3DDenoiser, SIZE.image_to_3d)
    before = linears(denoiser)
    monkeypatch.setattr(float8, "quantises_on", lambda device: False)
    with caplog.at_level("INFO"):
        assert quantise_linears(denoiser) == 0 and linears(denoiser) == before
    assert caplog.messages == ["Linear layers stay exact: cpu has no float8 products."]


def test_apples_gpus_have_no_float8():
    assert not quantises_on(torch.device("mps")) and quantises_on(CPU)


def test_the_cpu_emulates():
    assert float8.find_product(CPU) is Product.EMULATED and not supports_float8(CPU)


@pytest.mark.parametrize("product", [Product.ROWS, Product.UNSCALED])
def test_a_product_is_tried_with_its_kernel(monkeypatch, product):
    assert float8._works(product, CPU)
    right = torch._scaled_mm
    monkeypatch.setattr(torch, "_scaled_mm", lambda *args, **options: 2 * right(*args, **options))
    assert not float8._works(product, CPU)

    def missing(*args, **options):
        raise RuntimeError("Rowwise scaling is not currently supported on your device")

    monkeypatch.setattr(torch, "_scaled_mm", missing)
    assert not float8._works(product, CPU)
