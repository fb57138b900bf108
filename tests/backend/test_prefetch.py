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
from actionmesh.memory import streaming
from actionmesh.memory.networks import Networks
from actionmesh.memory.runtime import Runtime
from actionmesh.memory.streaming import Stopped
from actionmesh.progress import Progress
from actionmesh.weights.checkpoints import open_checkpoint

PARTS = ("image_encoder", "image_to_3d", "shape_vae", "temporal_denoiser", "temporal_autoencoder")


def networks_of(folder, kind=Networks, memory="24"):
    checkpoint = open_checkpoint(folder)
    return kind(checkpoint, Runtime(checkpoint, "cpu", memory))


class WatchedNetworks(Networks):
    """Records who read what, and lets `before_reading` delay it."""

    def __init__(self, checkpoint, runtime):
        super().__init__(checkpoint, runtime)
        self.reads = []
        self.before_reading = lambda name, stop: None

    def _read(self, name, make, device, stop):
        self.reads.append((name, threading.current_thread() is threading.main_thread()))
        self.before_reading(name, stop)
        return super()._read(name, make, device, stop)


@pytest.fixture
def networks(tiny_checkpoint):
    watched = networks_of(tiny_checkpoint, WatchedNetworks)
    yield watched
    watched.unload()


@pytest.fixture
def copy(tiny_checkpoint, tmp_path):
    return shutil.copytree(tiny_checkpoint, tmp_path / "tiny")


def use_all(networks):
    return [getattr(networks, part) for part in PARTS]


def test_parts_are_read_in_order_and_once_by_another_thread(networks, tiny_checkpoint):
    networks.prefetch(*PARTS)
    used = use_all(networks)
    assert networks.reads == [(part, False) for part in PARTS] and networks.loads == len(PARTS)
    assert use_all(networks) == used
    for network, plain in zip(used, use_all(networks_of(tiny_checkpoint)), strict=True):
        for (name, tensor), other in zip(network.state_dict().items(), plain.state_dict().values(), strict=True):
            assert torch.equal(tensor, other), name


def test_what_nobody_asked_for_is_read_where_it_is_used(networks):
    networks.prefetch("image_encoder", "shape_vae")
    assert networks.temporal_denoiser is networks.temporal_denoiser
    assert ("temporal_denoiser", True) in networks.reads


def test_a_part_that_is_used_before_its_turn_is_not_waited_for(networks):
    release = threading.Event()
    networks.before_reading = lambda name, stop: name != "image_encoder" or release.wait(30)
    networks.prefetch(*PARTS)
    assert networks.temporal_denoiser.config.width == 32
    assert ("temporal_denoiser", True) in networks.reads
    release.set()
    assert networks.image_encoder is not None and networks.reads.count(("image_encoder", False)) == 1


def test_of_a_denoiser_there_is_the_form_that_is_asked_for(networks):
    light = networks.denoiser("temporal_denoiser", float8=True)
    assert light is networks.denoiser("temporal_denoiser", float8=True)
    exact = networks.temporal_denoiser
    assert light is not exact and exact is networks.denoiser("temporal_denoiser")
    assert list(networks.held()) == ["temporal_denoiser"]
    types = [{tensor.dtype for tensor in network.state_dict().values()} for network in (light, exact)]
    assert torch.float8_e4m3fn in types[0] and types[1] == {torch.float32}


def test_the_other_form_is_freed_before_one_is_read_ahead(networks):
    """Both together exceed the counted memory."""
    with networks.job(*PARTS):
        use_all(networks)
    exact, held = weakref.ref(networks.temporal_denoiser), []
    networks.before_reading = lambda name, stop: held.append(exact())
    with networks.job(*PARTS, float8=True):
        assert networks.denoiser("temporal_denoiser", float8=True) is not None
    assert held == [None] and [name for name, _ in networks.reads[len(PARTS) :]] == ["temporal_denoiser"]
    assert sorted(networks.held()) == sorted({*PARTS, "temporal_denoiser in 8 bits"} - {"temporal_denoiser"})


def test_a_file_cut_off_while_it_is_read_ahead_is_told_where_the_part_is_used(copy, monkeypatch):
    weights = copy / "ActionMesh" / "denoiser" / "model.safetensors"
    whole = weights.read_bytes()
    networks = networks_of(copy, WatchedNetworks)
    real = streaming.read_into

    def read_and_cut(tensor, file, start):
        real(tensor, file, start)
        if file.name == str(weights):
            with weights.open("r+b") as damaged:
                damaged.truncate(len(whole) // 2)

    with monkeypatch.context() as patch:
        patch.setattr(streaming, "read_into", read_and_cut)
        networks.prefetch(*PARTS)
        assert networks.shape_vae is not None
        with pytest.raises(CheckpointError, match="denoiser.model.safetensors"):
            _ = networks.temporal_denoiser
    assert networks.temporal_autoencoder is not None
    weights.write_bytes(whole)
    assert networks.temporal_denoiser is not None, "mended files are read again"


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
    networks = networks_of(copy, WatchedNetworks)
    networks.prefetch(*PARTS)
    assert networks.image_encoder is not None
    with pytest.raises(CheckpointError, match="quant.bias is missing" if fault == "tensor" else weights.name):
        _ = networks.shape_vae


def test_too_little_memory_ahead_is_tried_again_where_the_part_is_used(networks):
    """A visible fake: the first allocation fails while the stage before still has its memory."""
    refused = []

    def allocate(name, stop):
        if not refused:
            refused.append(name)
            raise torch.OutOfMemoryError("out of memory")

    networks.before_reading = allocate
    networks.prefetch("temporal_denoiser")
    assert networks.temporal_denoiser is not None
    assert networks.reads == [("temporal_denoiser", False), ("temporal_denoiser", True)]


def test_what_was_read_before_memory_ran_out_is_freed_at_once(networks, without_gc):
    """It does not wait for Python's collector: the next attempt needs the memory."""
    read = []

    def allocate(name, stop):
        tensor = torch.empty(3)
        read.append(weakref.ref(tensor))
        if len(read) == 1:
            raise torch.OutOfMemoryError("out of memory")

    networks.before_reading = allocate
    networks.prefetch("temporal_denoiser")
    assert networks.temporal_denoiser is not None
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


def test_unloading_ends_what_is_on_its_way(networks):
    networks.before_reading = hold_until_stopped
    networks.prefetch(*PARTS)
    networks.unload()
    assert len(networks.reads) <= 1 and networks.held() == {}
    networks.before_reading = lambda name, stop: None
    networks.prefetch("shape_vae")
    assert networks.shape_vae is not None and list(networks.held()) == ["shape_vae"]


def test_a_job_that_fails_leaves_nothing_on_its_way(networks):
    networks.before_reading = hold_until_stopped
    with pytest.raises(ValueError, match="a wrong clip"), networks.job(*PARTS):
        raise ValueError("a wrong clip")
    assert len(networks.reads) <= 1
    networks.before_reading = lambda name, stop: None
    assert networks.shape_vae is not None


def test_a_job_that_is_cancelled_while_it_waits_for_a_part_ends_at_once(networks):
    reading = threading.Event()

    def begin_and_hold(name, stop):
        reading.set()
        hold_until_stopped(name, stop)

    networks.before_reading = begin_and_hold
    begin, answers = time.monotonic(), iter([False, False, True])
    with pytest.raises(Cancelled), networks.job(*PARTS, check=Progress(cancelled=lambda: next(answers)).check):
        assert reading.wait(30)
        _ = networks.image_encoder
    assert time.monotonic() - begin < 10 and networks.held() == {}
    networks.before_reading = lambda name, stop: None
    with networks.job(*PARTS):
        assert len(use_all(networks)) == networks.loads == len(PARTS), "nobody is asked any more"


def test_many_threads_ask_and_unload_at_once(networks):
    """None of them hangs or fails; whoever gets a network gets a whole one."""
    faults = []

    def work(turn):
        try:
            for _ in range(5):
                networks.prefetch(*PARTS)
                if turn % 2:
                    networks.unload()
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(turn,)) for turn in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not faults and not any(thread.is_alive() for thread in threads)
    assert all(torch.isfinite(tensor).all() for tensor in networks.temporal_denoiser.state_dict().values())


def test_nothing_is_read_ahead_into_memory_that_the_computing_part_needs(tiny_checkpoint):
    networks = networks_of(tiny_checkpoint, WatchedNetworks, "6")
    networks.prefetch(*PARTS)
    use_all(networks)
    assert networks.reads == [(part, True) for part in PARTS]
    assert list(networks.held()) == [PARTS[-1]], "from main memory the others are dropped"
