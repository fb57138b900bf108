"""U-Net skips in main memory, on a fake of CUDA's streams; the real ones: test_cuda.py."""

import contextlib

import pytest
import torch

from actionmesh.models.skips import HostSkips, Skips, skip_stack

CPU = torch.device("cpu")


class FakeStream:
    """Notes what it waits for."""

    def __init__(self, device=None):
        self.waits_for = []

    def wait_stream(self, other):
        self.waits_for.append(other)


@pytest.fixture
def computing(monkeypatch):
    """The stream that computes; what is done on another stream is done at once."""
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
    popped = [stack.pop() for _ in tensors]
    assert all(torch.equal(skip.float(), tensor) for skip, tensor in zip(popped, reversed(tensors), strict=True))
    assert all(skip.dtype == torch.bfloat16 for skip in popped)


def test_what_is_pushed_may_change_afterwards(computing):
    stack, x = HostSkips(CPU), torch.ones(3)
    stack.push(x)
    x.zero_()
    assert torch.equal(stack.pop(), torch.ones(3))


def test_copies_wait_for_the_blocks_and_the_blocks_for_copies(computing):
    stack = HostSkips(CPU)
    copying = stack._stream
    stack.push(torch.ones(3))
    stack.push(torch.ones(3))
    assert copying.waits_for == 2 * [computing] and not computing.waits_for
    stack.pop()
    assert computing.waits_for == [copying]
    assert copying.waits_for == 4 * [computing], "the next skip is on its way"
    stack.pop()
    assert computing.waits_for == 2 * [copying] and len(copying.waits_for) == 4


def test_only_cuda_has_a_memory_to_leave():
    assert isinstance(skip_stack(CPU, on_host=True), Skips)
    assert isinstance(skip_stack(torch.device("cuda"), on_host=False), Skips)
