"""Attention and the choice of its kernel, on a CPU with a fake clock; test_cuda.py tests GPUs."""

import pytest
import torch
from torch.nn.attention import SDPBackend

from actionmesh.acceleration import kernels
from actionmesh.acceleration.kernels import attend, choose_backend

from .parity import assert_matches


def formula(queries, keys, values):
    """Return softmax(q k^T / sqrt(d)) v, head by head, in float64."""
    heads = []
    for q, k, v in zip(*[x.double().unbind(2) for x in (queries, keys, values)], strict=True):
        heads.append((q @ k.transpose(1, 2) / q.shape[-1] ** 0.5).softmax(-1) @ v)
    return torch.cat(heads, dim=-1).float()


@pytest.mark.parametrize("learning", [True, False])
def test_attention_is_its_formula(learning):
    fused = torch.randn(2, 7, 3, 4, 8)
    queries, (keys, values) = fused[:, :5, 0], fused[:, :, 1:].unbind(2)
    with torch.set_grad_enabled(learning):
        assert_matches(attend(queries, keys, values), formula(queries, keys, values), 1e-5)


@torch.no_grad()
def test_compiled_attention_is_one_operation():
    queries, keys = torch.randn(2, 5, 4, 8), torch.randn(2, 7, 4, 8)
    seen = []

    def look(graph, inputs):
        seen.extend(str(node.target) for node in graph.graph.nodes if node.op == "call_function")
        return graph

    compiled = torch.compile(lambda q, k: attend(q, k, k), backend=look, fullgraph=True)
    assert torch.equal(compiled(queries, keys), attend(queries, keys, keys))
    assert len(seen) == 1 and seen[0].startswith("actionmesh.attend")


def test_the_operation_is_what_it_claims_to_be():
    inputs = 3 * (torch.randn(2, 5, 4, 8),)
    with torch.no_grad():
        torch.library.opcheck(kernels._attend_uncompiled, inputs, test_utils=("test_schema", "test_faketensor"))


class FakeCard:
    """The attributes of a CUDA tensor that the choice reads."""

    def __init__(self, length, dtype=torch.bfloat16):
        self.device, self.dtype, self.shape = torch.device("cuda", 0), dtype, torch.Size((1, 2, length, 8))


@pytest.fixture
def timed(monkeypatch):
    """Make kernels take the dictionary's milliseconds, or raise its exceptions; record each timing."""
    times, noted = {}, []

    def milliseconds(backend, queries, keys, values):
        noted.append((backend, queries.shape[2], keys.shape[2]))
        found = times.get(backend, RuntimeError("No available kernel."))
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(kernels, "_fastest", {})
    monkeypatch.setattr(kernels, "_milliseconds", milliseconds)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    return times, noted


@torch.no_grad()
def test_the_fastest_kernel_is_measured_once_a_problem(timed):
    times, noted = timed
    times |= {SDPBackend.FLASH_ATTENTION: 2.0, SDPBackend.EFFICIENT_ATTENTION: 3.0}
    long, short = FakeCard(64), FakeCard(16)
    assert [choose_backend(long, long, long) for _ in range(3)] == 3 * [SDPBackend.FLASH_ATTENTION]
    assert len(noted) == len(kernels.FUSED)
    times[SDPBackend.CUDNN_ATTENTION] = 1.0
    assert choose_backend(long, short, short) is SDPBackend.CUDNN_ATTENTION
    assert choose_backend(long, long, long) is SDPBackend.FLASH_ATTENTION


@torch.no_grad()
def test_without_a_fused_kernel_torch_chooses(timed):
    x = FakeCard(64, torch.float64)
    assert choose_backend(x, x, x) is None and choose_backend(x, x, x) is None
    assert len(timed[1]) == len(kernels.FUSED)


def test_nothing_is_measured_elsewhere(timed, monkeypatch):
    timed[0][SDPBackend.FLASH_ATTENTION] = 1.0
    card = FakeCard(64)
    assert choose_backend(card, card, card) is None, "while learning"
    with torch.no_grad():
        for device in ("cpu", "meta"):
            x = torch.empty(1, 2, 8, 8, device=device)
            assert choose_backend(x, x, x) is None
        monkeypatch.setattr(torch, "is_autocast_enabled", lambda device: True)
        assert choose_backend(card, card, card) is None
    assert not timed[1]


@torch.no_grad()
def test_a_recording_measures_nothing_and_takes_what_is_known(timed, monkeypatch):
    times, noted = timed
    times[SDPBackend.FLASH_ATTENTION] = 1.0
    known, new = FakeCard(64), FakeCard(32)
    choose_backend(known, known, known)
    count = len(noted)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    assert choose_backend(new, new, new) is None and choose_backend(known, known, known) is SDPBackend.FLASH_ATTENTION
    assert len(noted) == count


@torch.no_grad()
def test_a_kernel_whose_workspace_is_too_large_is_passed_over(timed):
    times, _ = timed
    times |= {SDPBackend.CUDNN_ATTENTION: torch.OutOfMemoryError("too large"), SDPBackend.EFFICIENT_ATTENTION: 3.0}
    long, short = FakeCard(64), FakeCard(32)
    assert choose_backend(long, long, long) is SDPBackend.EFFICIENT_ATTENTION
    del times[SDPBackend.EFFICIENT_ATTENTION]
    with pytest.raises(torch.OutOfMemoryError, match="too large"):
        choose_backend(short, short, short)
    times[SDPBackend.CUDNN_ATTENTION] = 1.0
    assert choose_backend(short, short, short) is SDPBackend.CUDNN_ATTENTION, "lack of memory is not remembered"


@torch.no_grad()
def test_a_kernel_that_does_not_fit_says_so():
    """The cuDNN and memory-efficient kernels reject CPU tensors, as kernels reject GPUs that are too old."""
    x = torch.randn(1, 2, 8, 8)
    with pytest.raises(RuntimeError):
        kernels._milliseconds(SDPBackend.CUDNN_ATTENTION, x, x, x)
