"""Memory plans: which plan is chosen for how much memory, and that the counted memory is what networks take."""

from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from actionmesh.acceleration.execution import Execution
from actionmesh.errors import CheckpointError, InputError
from actionmesh.memory import needs, plan
from actionmesh.memory.model import open_model
from actionmesh.memory.plan import AUTO, PLANS, choose_plan, lighter, on_device, plan_named
from actionmesh.memory.runtime import Runtime, run_dtype
from actionmesh.models.denoiser import TemporalDenoiser, TemporalDenoiserConfig
from actionmesh.protocol import Memory
from actionmesh.sizes import SIZES
from actionmesh.weights.checkpoints import default_checkpoint, open_checkpoint

GB = 1 << 30
FULL = SIZES["full"]
PUBLIC = needs.Needs(
    weights={
        "image_encoder": 1_216_000_000,
        "image_to_3d": 2_879_200_000,
        "shape_vae": 485_400_000,
        "temporal_denoiser": 2_879_200_000,
        "temporal_autoencoder": 454_000_000,
    },
    items={
        "image_encoder": 4,
        "image_to_3d": 2,
        "shape_vae": 2,
        "temporal_denoiser": 2,
        "temporal_autoencoder": 2,
    },
    query_item=4,
    encoder_width=1024,
    image_tokens=257,
    surface_points=16_384,
    image_to_3d=FULL.image_to_3d,
    shape_vae=FULL.vae,
    temporal_denoiser=FULL.temporal,
    temporal_autoencoder=FULL.autoencoder,
)
"""The published networks on a card, by the parameter counts of the published files."""


@pytest.mark.parametrize(
    ("free", "name"),
    [(80, "24"), (23, "24"), (15, "12"), (11, "12"), (7, "8"), (5.2, "6"), (1, "6")],
)
def test_the_public_checkpoint_gets_the_plan_of_the_card(free, name):
    assert choose_plan(int(free * GB), PUBLIC.bytes_of).name == name


def test_each_plan_of_the_public_checkpoint_fits_its_card():
    """Half a GB is left for the driver."""
    for each in PLANS:
        assert 1.15 * PUBLIC.bytes_of(each) <= (int(each.name) - 0.5) * GB, each.name


def test_a_smaller_plan_needs_less():
    sizes = [PUBLIC.bytes_of(each) for each in PLANS]
    assert sizes == sorted(sizes, reverse=True) and len(set(sizes)) == len(PLANS)


def test_the_bundled_checkpoint_has_room_anywhere():
    bundled = needs.needs_of(open_checkpoint(default_checkpoint().path), torch.float32)
    assert choose_plan(4 * GB, bundled.bytes_of) is PLANS[0]


def test_weights_are_counted_as_they_are_loaded(tiny_checkpoint):
    counted = needs.needs_of(open_checkpoint(tiny_checkpoint), torch.float32).weights
    networks = open_model(tiny_checkpoint, "cpu").networks
    for part, size in counted.items():
        assert sum(tensor.numel() * 4 for tensor in getattr(networks, part).parameters()) == size, part


def peak(function):
    """Return the most bytes that a function allocates at once."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        function()
    held = highest = 0
    for event in recorded.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            highest = max(highest, held)
    return highest


@pytest.mark.parametrize("each", PLANS, ids=lambda each: each.name)
@torch.no_grad()
def test_activations_are_counted_as_a_denoising_step_has_them(each):
    """The denoiser is small; its feed-forward takes less memory in proportion to its tokens."""
    rows = each.execution.feed_forward_rows
    execution = replace(each.execution, feed_forward_rows=rows and rows // 32, host_skips=False)
    sizes = TemporalDenoiserConfig(
        num_tokens_nominal=256, temporal_context_size=4, in_channels=8, num_layers=7, num_attention_heads=4, width=128,
        cross_attention_dim=64, inflated_layers=tuple(range(7)),
    )  # fmt: skip
    each = replace(each, execution=execution)
    small = replace(PUBLIC, items=dict.fromkeys(PUBLIC.items, 4), image_tokens=17, temporal_denoiser=sizes)
    denoiser = TemporalDenoiser(sizes).eval().requires_grad_(False)
    denoiser.prepare_inference(execution)
    branches = 2 if each.guidance_batch else 1
    times, context = torch.arange(4.0)[None], torch.randn(1, 4, 17, 64)
    latents, time = torch.randn(branches, 4, 256, 8), torch.full((branches,), 500.0)

    def step():
        cache = denoiser.prepare(context, times, 256)
        denoiser(latents, time, cache.with_unconditional() if each.guidance_batch else cache, None, times)

    step()
    counted = small.activations(each)["temporal_denoiser"]
    assert 0.8 < counted / peak(step) < 1.25


def test_plans_have_the_names_of_the_protocol():
    assert [AUTO, *(each.name for each in PLANS)] == list(Memory)


def test_a_plan_that_does_not_exist_is_refused(tiny_checkpoint):
    with pytest.raises(InputError, match="'7'") as refused:
        open_model(tiny_checkpoint, "cpu", "7")
    assert all(each.name in refused.value.cure for each in PLANS)


def test_plans_are_tried_from_the_roomiest_to_the_smallest():
    assert lighter(PLANS[0]) == PLANS[1:] and lighter(PLANS[-1]) == ()
    assert lighter(on_device(PLANS[1], torch.device("cuda"))) == PLANS[2:]


@pytest.mark.parametrize(("free", "name"), [(80, "12"), (11, "12"), (7, "8"), (1, "6")])
def test_after_one_that_failed_only_smaller_ones_are_chosen(free, name):
    assert choose_plan(int(free * GB), PUBLIC.bytes_of, lighter(PLANS[0])).name == name


def test_a_card_compiles_and_records_only_if_asked_what_stays_in_place(monkeypatch):
    card, processor = torch.device("cuda"), torch.device("cpu")
    monkeypatch.delenv("ACTIONMESH_EXPERIMENTAL", raising=False)
    assert on_device(PLANS[0], card).execution == Execution(compiled=True)
    monkeypatch.setenv("ACTIONMESH_EXPERIMENTAL", "something, graphs")
    assert on_device(PLANS[0], card).execution == Execution(compiled=True, graphs=True)
    assert on_device(PLANS[1], card).execution == Execution(compiled=True)
    assert all(on_device(each, processor).execution == each.execution for each in PLANS)
    assert [on_device(each, card).query_rows for each in PLANS] == [each.query_rows for each in PLANS]


def test_the_plan_is_chosen_by_the_memory_that_is_free(tiny_checkpoint, monkeypatch):
    checkpoint = open_checkpoint(tiny_checkpoint)
    tiny = needs.needs_of(checkpoint, torch.float32)
    for each in PLANS:
        monkeypatch.setattr(
            "actionmesh.memory.runtime.free_memory", lambda device, each=each: int(1.15 * tiny.bytes_of(each)) + 1
        )
        assert Runtime(checkpoint, "cpu").plan.name == each.name
    monkeypatch.setattr("actionmesh.memory.runtime.free_memory", lambda device: 0)
    assert Runtime(checkpoint, "cpu").plan.name == "6"
    assert Runtime(checkpoint, "cpu", "12").plan.name == plan_named("12").name == "12"


def test_a_damaged_checkpoint_is_told_of_when_its_plan_is_chosen(tiny_checkpoint, tmp_path):
    runtime = Runtime(replace(open_checkpoint(tiny_checkpoint), temporal_denoiser=tmp_path), "cpu")
    with pytest.raises(CheckpointError, match="missing"):
        _ = runtime.plan


@pytest.mark.parametrize(
    ("driver_free", "fraction", "reserved", "allocated", "expected"),
    [
        (20, 1.0, 0, 0, 20),
        (20, 0.25, 0, 0, 6),  # capped for this process
        (10, 1.0, 8, 5, 13),  # what the allocator holds unused counts
        (10, 0.25, 5, 5, 1),
        (10, 0.25, 6, 6, 0),
    ],
)
def test_free_memory_of_a_card_respects_the_processes_share(
    monkeypatch, driver_free, fraction, reserved, allocated, expected
):
    """A visible fake of a card of 24 GB."""
    answers = {
        "mem_get_info": (driver_free * GB, 24 * GB),
        "memory_reserved": reserved * GB,
        "memory_allocated": allocated * GB,
    }
    for name, answer in answers.items():
        monkeypatch.setattr(f"torch.cuda.{name}", lambda device, answer=answer: answer)
    monkeypatch.setattr("torch.cuda.current_device", lambda: 3)
    monkeypatch.setattr("torch.cuda.get_per_process_memory_fraction", {3: fraction}.__getitem__)
    assert plan.free_memory(torch.device("cuda")) == expected * GB


@pytest.mark.parametrize(
    ("capability", "dtype"), [((7, 5), torch.float16), ((8, 0), torch.bfloat16), ((9, 0), torch.bfloat16)]
)
def test_cards_without_bfloat16_products_compute_in_float16(monkeypatch, capability, dtype):
    """A visible fake of two cards: the job's card is not the current one, and torch's own check must query it."""
    current = [0]

    @contextmanager
    def made_current(device):
        current[0] = device.index
        yield
        current[0] = 0

    properties = {0: SimpleNamespace(major=6), 1: SimpleNamespace(major=capability[0])}
    monkeypatch.setattr("torch.cuda.device", made_current)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.current_device", lambda: current[0])
    monkeypatch.setattr("torch.cuda.get_device_properties", properties.__getitem__)
    monkeypatch.setattr("torch.cuda._check_bf16_tensor_supported", lambda device: True)
    assert run_dtype(torch.device("cuda", 1)) == dtype
    assert run_dtype(torch.device("cpu")) == torch.float32 and run_dtype(torch.device("mps")) == torch.float16


def test_free_memory_of_the_cpu_is_main_memory():
    assert 0 < plan.free_memory(torch.device("cpu")) == pytest.approx(plan.free_main_memory(), rel=0.2)
