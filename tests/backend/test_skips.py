"""U-Net skips offloaded to main memory, on fake CUDA streams; test_cuda.py has real ones."""

import contextlib
import weakref

import pytest
import torch

from actionmesh.acceleration.skips import HostSkips, Skips, skip_stack

CPU = torch.device("cpu")


class FakeStream:
    """A stream that records what it waits for."""

    def __init__(self, device=None):
        self.waits_for = []

    def wait_stream(self, other):
        self.waits_for.append(other)


@pytest.fixture
def computing(monkeypatch):
    """Install a computing stream; work on other streams is done at once."""
    stream, empty = FakeStream(), torch.empty
    monkeypatch.setattr(torch.cuda, "Stream", FakeStream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext())
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda tensor, stream: None)
    monkeypatch.setattr(torch, "empty", lambda *size, pin_memory=False, **options: empty(*size, **options))
    return stream


def test_skips_come_back_in_reverse_and_are_copies(computing):
    stack, tensors = HostSkips(CPU), [torch.full((2, 3), float(i)) for i in range(4)]
    for tensor in tensors:
        stack.push(tensor.to(torch.bfloat16))
    popped = [stack.pop().clone() for _ in tensors]
    assert all(torch.equal(skip.float(), tensor) for skip, tensor in zip(popped, reversed(tensors), strict=True))
    assert all(skip.dtype == torch.bfloat16 for skip in popped)


def test_copies_wait_for_the_blocks_and_the_blocks_for_copies(computing):
    stack = HostSkips(CPU)
    copying = stack._stream
    stack.push(torch.ones(3))
    stack.push(torch.ones(3))
    assert copying.waits_for == 2 * [computing]
    assert computing.waits_for == 2 * [copying], "the memory of a skip is reused once it is offloaded"
    stack.pop()
    assert computing.waits_for == 3 * [copying]
    assert copying.waits_for == 4 * [computing], "the next skip is on its way"
    stack.pop()
    assert computing.waits_for == 4 * [copying] and len(copying.waits_for) == 4


def test_two_places_on_the_device_serve_all_skips(computing):
    stack = HostSkips(CPU)
    for i in range(5):
        stack.push(torch.full((3,), float(i)))
    popped, places = [], set()
    for _ in range(5):
        skip = stack.pop()
        popped.append(skip[0].item())
        places.add(skip.data_ptr())
    assert popped == [4.0, 3.0, 2.0, 1.0, 0.0] and len(places) == 2


def test_a_skip_is_held_until_it_has_left(computing):
    stack, skips = HostSkips(CPU), [torch.ones(3), torch.ones(3)]
    left = [weakref.ref(skip) for skip in skips]
    stack.push(skips.pop(0))
    assert left[0]() is not None
    stack.push(skips.pop(0))
    assert left[0]() is None and left[1]() is not None
    stack.pop()
    assert left[1]() is None


def test_only_cuda_has_a_memory_to_leave():
    assert isinstance(skip_stack(CPU, on_host=True), Skips)
    assert isinstance(skip_stack(torch.device("cuda"), on_host=False), Skips)
