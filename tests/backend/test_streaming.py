"""Reading weights in pieces: the bytes are those written, a file that changes is an error, and memory stays low."""

import gc
import sys
import weakref
from contextlib import nullcontext
from pathlib import Path
from threading import Event

import pytest
import torch
from safetensors.torch import save_file

from actionmesh.errors import CheckpointError
from actionmesh.memory import streaming
from actionmesh.memory.streaming import CudaLane, Stopped, stream_tensors
from actionmesh.weights.tensor_file import read_entries

CPU = torch.device("cpu")
TENSORS = {
    "matrix": torch.randn(37, 11),
    "half": torch.randn(5, 7, 3).half(),
    "brain": torch.randn(40).bfloat16(),
    "count": torch.arange(9),
    "flags": torch.tensor([True, False, True]),
    "scalar": torch.tensor(2.5),
    "empty": torch.zeros(0, 4),
}


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(streaming, "PIECE", 64)


@pytest.fixture
def path(tmp_path):
    save_file(TENSORS, tmp_path / "part.safetensors")
    return tmp_path / "part.safetensors"


def read(path, dtype=torch.float32, stop=None):
    return stream_tensors(path, read_entries(path), CPU, lambda name: dtype, stop or Event())


def wanted(dtype):
    return {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in TENSORS.items()}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_tensors_arrive_as_they_were_written(path, small_pieces, dtype):
    found = read(path, dtype)
    assert found.keys() == TENSORS.keys()
    for name, tensor in wanted(dtype).items():
        assert found[name].dtype == tensor.dtype and found[name].shape == tensor.shape
        assert torch.equal(found[name], tensor), name


class FakeEvent:
    """A CUDA event of copies that finish at once; it records its calls."""

    made = []

    def __init__(self):
        self.calls = []
        self.made.append(self)

    def synchronize(self):
        self.calls.append("wait")

    def record(self, stream):
        self.calls.append("record")


def test_a_cards_lane_waits_for_a_buffer_before_it_is_filled_again(path, small_pieces, monkeypatch):
    monkeypatch.setattr(FakeEvent, "made", [])
    monkeypatch.setattr("torch.cuda.Event", FakeEvent)
    monkeypatch.setattr("torch.cuda.stream", lambda stream: nullcontext())
    monkeypatch.setattr(streaming, "staging", lambda pinned: torch.empty(streaming.PIECE, dtype=torch.uint8))
    monkeypatch.setattr(streaming, "_lanes", lambda device: [CudaLane(None)])
    found = read(path, torch.bfloat16)
    assert all(torch.equal(found[name], tensor) for name, tensor in wanted(torch.bfloat16).items())
    pieces = sum(-(-tensor.numel() * tensor.element_size() // 64) for tensor in TENSORS.values())
    assert sum(event.calls.count("record") for event in FakeEvent.made) == pieces
    for event in FakeEvent.made:
        assert event.calls == ["wait", "record"] * event.calls.count("record") + ["wait"]


def test_a_file_that_is_cut_off_while_it_is_read_is_named(path, small_pieces, monkeypatch):
    """The file is really truncated between two pieces: a mapped file would crash the process."""
    real = streaming.read_into

    def read_and_cut(*arguments):
        real(*arguments)
        with path.open("r+b") as file:
            file.truncate(600)

    monkeypatch.setattr(streaming, "read_into", read_and_cut)
    with pytest.raises(CheckpointError, match="part.safetensors") as refused:
        read(path)
    assert refused.value.cure


def test_what_was_read_before_a_fault_is_freed_at_once(path, small_pieces, monkeypatch):
    """It does not wait for Python's collector: on a card, the next attempt needs the memory."""
    targets, real = [], streaming.cut

    def cut(entry, tensor):
        targets.append(weakref.ref(tensor))
        return real(entry, tensor)

    def fault(*arguments):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(streaming, "cut", cut)
    monkeypatch.setattr(streaming, "read_into", fault)
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(torch.OutOfMemoryError) as refused:
            read(path)
        del refused
        assert targets and all(target() is None for target in targets)
    finally:
        gc.enable()


def test_reading_ends_soon_after_it_is_stopped(path, small_pieces, monkeypatch):
    stop, count = Event(), 0
    real = streaming.read_into

    def read_and_stop(*arguments):
        nonlocal count
        count += 1
        stop.set()
        real(*arguments)

    monkeypatch.setattr(streaming, "read_into", read_and_stop)
    with pytest.raises(Stopped):
        read(path, stop=stop)
    assert count <= 8


def resident(name):
    """Return bytes of this process: "VmRSS" now, "VmHWM" the peak since the count began."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return 1024 * int(lines[name].split()[0])


@pytest.mark.skipif(sys.platform != "linux", reason="counted by the kernel of Linux")
def test_the_file_is_never_in_memory_beside_its_tensors(tmp_path):
    size = 128 << 20
    save_file({"large": torch.zeros(size // 4)}, tmp_path / "large.safetensors")
    Path("/proc/self/clear_refs").write_text("5")  # begins the count
    before = resident("VmRSS")
    kept = read(tmp_path / "large.safetensors", torch.bfloat16)
    assert kept["large"].nbytes == size // 2
    assert resident("VmHWM") - before < size // 2 + (64 << 20)
