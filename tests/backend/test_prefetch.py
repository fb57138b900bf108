"""Loading ahead: in order and in a separate thread; an error there is raised where the part is used; nothing hangs."""

import gc
import shutil
import threading
import time
import weakref

import pytest
import torch
from safetensors.torch import load_file, save_file

from actionmesh.errors import Cancelled, CheckpointError
from actionmesh.progress import Progress
from actionmesh.weights import streaming
from actionmesh.weights.store import ModelStore
from actionmesh.weights.streaming import Stopped

PARTS = ("image_encoder", "image_to_3d", "shape_vae", "temporal_denoiser", "temporal_autoencoder")


class WatchedStore(ModelStore):
    """Records who read what, and lets `before_reading` delay it."""

    def __init__(self, checkpoint, memory="24"):
        super().__init__(checkpoint, "cpu", memory)
        self.reads = []
        self.before_reading = lambda name, stop: None

    def _read(self, name, make, device, stop):
        self.reads.append((name, threading.current_thread() is threading.main_thread()))
        self.before_reading(name, stop)
        return super()._read(name, make, device, stop)


@pytest.fixture
def store(tiny_checkpoint):
    watched = WatchedStore(tiny_checkpoint)
    yield watched
    watched.unload()


@pytest.fixture
def copy(tiny_checkpoint, tmp_path):
    return shutil.copytree(tiny_checkpoint, tmp_path / "tiny")


def use_all(store):
    return [getattr(store, part) for part in PARTS]


def test_parts_are_read_in_order_and_once_by_another_thread(store, tiny_checkpoint):
    store.prefetch(*PARTS)
    networks = use_all(store)
    assert store.reads == [(part, False) for part in PARTS] and store.loads == len(PARTS)
    assert use_all(store) == networks
    for network, plain in zip(networks, use_all(ModelStore(tiny_checkpoint, "cpu")), strict=True):
        for (name, tensor), other in zip(network.state_dict().items(), plain.state_dict().values(), strict=True):
            assert torch.equal(tensor, other), name


def test_what_nobody_asked_for_is_read_where_it_is_used(store):
    store.prefetch("image_encoder", "shape_vae")
    assert store.temporal_denoiser is store.temporal_denoiser
    assert ("temporal_denoiser", True) in store.reads


def test_a_part_that_is_used_before_its_turn_is_not_waited_for(store):
    release = threading.Event()
    store.before_reading = lambda name, stop: name != "image_encoder" or release.wait(30)
    store.prefetch(*PARTS)
    assert store.temporal_denoiser.config.width == 32
    assert ("temporal_denoiser", True) in store.reads
    release.set()
    assert store.image_encoder is not None and store.reads.count(("image_encoder", False)) == 1


def test_of_a_denoiser_there_is_the_form_that_is_asked_for(store):
    light = store.denoiser("temporal_denoiser", float8=True)
    assert light is store.denoiser("temporal_denoiser", float8=True)
    exact = store.temporal_denoiser
    assert light is not exact and exact is store.denoiser("temporal_denoiser")
    assert store.describe()["parts"] == ["temporal_denoiser"]
    types = [{tensor.dtype for tensor in network.state_dict().values()} for network in (light, exact)]
    assert torch.float8_e4m3fn in types[0] and types[1] == {torch.float32}


def test_the_other_form_is_freed_before_one_is_read_ahead(store):
    """Both together exceed the counted memory."""
    with store.job(*PARTS):
        use_all(store)
    exact, held = weakref.ref(store.temporal_denoiser), []
    store.before_reading = lambda name, stop: held.append(exact())
    with store.job(*PARTS, float8=True):
        assert store.denoiser("temporal_denoiser", float8=True) is not None
    assert held == [None] and [name for name, _ in store.reads[len(PARTS) :]] == ["temporal_denoiser"]
    assert store.describe()["parts"] == sorted({*PARTS, "temporal_denoiser in 8 bits"} - {"temporal_denoiser"})


def test_a_file_cut_off_while_it_is_read_ahead_is_told_where_the_part_is_used(copy, monkeypatch):
    weights = copy / "ActionMesh" / "denoiser" / "model.safetensors"
    whole = weights.read_bytes()
    store = WatchedStore(copy)
    real = streaming.read_into

    def read_and_cut(tensor, file, start):
        real(tensor, file, start)
        if file.name == str(weights):
            with weights.open("r+b") as damaged:
                damaged.truncate(len(whole) // 2)

    with monkeypatch.context() as patch:
        patch.setattr(streaming, "read_into", read_and_cut)
        store.prefetch(*PARTS)
        assert store.shape_vae is not None
        with pytest.raises(CheckpointError, match="denoiser.model.safetensors"):
            _ = store.temporal_denoiser
    assert store.temporal_autoencoder is not None
    weights.write_bytes(whole)
    assert store.temporal_denoiser is not None, "mended files are read again"


@pytest.mark.parametrize("fault", ["tensor", "file", "bytes"])
def test_what_is_missing_is_told_where_the_part_is_used(copy, fault):
    weights = copy / "TripoSG" / "vae" / "diffusion_pytorch_model.safetensors"
    if fault == "tensor":
        tensors = load_file(weights)
        del tensors["quant.bias"]
        save_file(tensors, weights)
    elif fault == "file":
        weights.unlink()
    else:
        weights.write_bytes(weights.read_bytes()[:-4])
    store = WatchedStore(copy)
    store.prefetch(*PARTS)
    assert store.image_encoder is not None
    with pytest.raises(CheckpointError, match="quant.bias is missing" if fault == "tensor" else weights.name):
        _ = store.shape_vae


def test_too_little_memory_ahead_is_tried_again_where_the_part_is_used(store):
    """A visible fake: the first allocation fails while the stage before still has its memory."""
    refused = []

    def allocate(name, stop):
        if not refused:
            refused.append(name)
            raise torch.OutOfMemoryError("out of memory")

    store.before_reading = allocate
    store.prefetch("temporal_denoiser")
    assert store.temporal_denoiser is not None
    assert store.reads == [("temporal_denoiser", False), ("temporal_denoiser", True)]


def test_what_was_read_before_memory_ran_out_is_freed_at_once(store, without_gc):
    """It does not wait for Python's collector: the next attempt needs the memory."""
    read = []

    def allocate(name, stop):
        tensor = torch.empty(3)
        read.append(weakref.ref(tensor))
        if len(read) == 1:
            raise torch.OutOfMemoryError("out of memory")

    store.before_reading = allocate
    store.prefetch("temporal_denoiser")
    assert store.temporal_denoiser is not None
    assert len(read) == 2 and read[0]() is None


@pytest.fixture
def without_gc():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def hold_until_stopped(name, stop):
    """Read forever unless stopped."""
    assert stop.wait(30)
    raise Stopped


def test_unloading_ends_what_is_on_its_way(store):
    store.before_reading = hold_until_stopped
    store.prefetch(*PARTS)
    store.unload()
    assert len(store.reads) <= 1 and store.describe()["parts"] == []
    store.before_reading = lambda name, stop: None
    store.prefetch("shape_vae")
    assert store.shape_vae is not None and store.describe()["parts"] == ["shape_vae"]


def test_a_job_that_fails_leaves_nothing_on_its_way(store):
    store.before_reading = hold_until_stopped
    with pytest.raises(ValueError, match="a wrong clip"), store.job(*PARTS):
        raise ValueError("a wrong clip")
    assert len(store.reads) <= 1
    store.before_reading = lambda name, stop: None
    assert store.shape_vae is not None


def test_a_job_that_is_cancelled_while_it_waits_for_a_part_ends_at_once(store):
    reading = threading.Event()

    def begin_and_hold(name, stop):
        reading.set()
        hold_until_stopped(name, stop)

    store.before_reading = begin_and_hold
    begin, answers = time.monotonic(), iter([False, False, True])
    with pytest.raises(Cancelled), store.job(*PARTS, check=Progress(cancelled=lambda: next(answers)).check):
        assert reading.wait(30)
        _ = store.image_encoder
    assert time.monotonic() - begin < 10 and store.describe()["parts"] == []
    store.before_reading = lambda name, stop: None
    with store.job(*PARTS):
        assert len(use_all(store)) == store.loads == len(PARTS), "nobody is asked any more"


def test_many_threads_ask_and_unload_at_once(store):
    """None of them hangs or fails; whoever gets a network gets a whole one."""
    faults = []

    def work(turn):
        try:
            for _ in range(5):
                store.prefetch(*PARTS)
                if turn % 2:
                    store.unload()
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(turn,)) for turn in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not faults and not any(thread.is_alive() for thread in threads)
    assert all(torch.isfinite(tensor).all() for tensor in store.temporal_denoiser.state_dict().values())


def test_nothing_is_read_ahead_into_memory_that_the_computing_part_needs(tiny_checkpoint):
    store = WatchedStore(tiny_checkpoint, "6")
    store.prefetch(*PARTS)
    use_all(store)
    assert store.reads == [(part, True) for part in PARTS]
    assert store.describe()["parts"] == [PARTS[-1]], "from main memory the others are dropped"
