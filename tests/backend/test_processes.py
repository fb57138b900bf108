"""One process and two train alike on the same batches: the same losses, also when resuming from each other's states."""

import json
import multiprocessing
import os
import socket
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product

import pytest
import torch
from accelerate.state import AcceleratorState

from actionmesh.errors import InputError
from actionmesh.sizes import SIZES
from actionmesh.training import run
from actionmesh.training.board import Board
from actionmesh.training.data import make_shard
from actionmesh.training.devices import make_accelerator
from actionmesh.training.loop import Loop
from actionmesh.training.recipes import RECIPES, LoopConfig, PartRecipe
from actionmesh.training.run import Job, prepare
from actionmesh.training.shares import Share, generator_of, rows_of, shares_of

STEPS, BATCH = 4, 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Make shards of four toys, and a run with every part barely begun."""
    folder = tmp_path_factory.mktemp("processes")
    make_shard(folder / "data", 1_000_000, pictures=True, count=4)
    for part, frames in (("vae", 1), ("image_to_3d", 1), ("temporal", 4), ("autoencoder", 4)):
        run.train(part, folder / "data", folder / "run", "tiny", PartRecipe(2, frames, LoopConfig(steps=1)))
    return folder


@dataclass(frozen=True)
class Plan:
    """A training up to some step, in a separate folder."""

    part: str
    out: str
    until: int = STEPS
    parts: int = 1
    optimiser: str = "adamw"

    def carry_out(self, folder, accelerator):
        """Run the remaining steps, save the state and return the losses."""
        loop = LoopConfig(steps=STEPS, warmup=2, optimiser=self.optimiser, parts=self.parts)
        recipe = replace(RECIPES[self.part], batch=BATCH, frames=min(4, RECIPES[self.part].frames), loop=loop)
        training = prepare(Job(self.part, SIZES["tiny"], recipe, folder / "data", folder / "run", accelerator))
        (folder / self.out).mkdir(exist_ok=True)
        loop = Loop(recipe.loop, training.objective, training.draw, folder / self.out, self.part, accelerator)
        curve = [loop.take_step() for _ in range(self.until - loop.step)]
        loop.save()
        accelerator.wait_for_everyone()
        return curve


@contextmanager
def full_precision(launch=None):
    """Yield a float32 accelerator; for the length of the block, the environment describes its processes."""
    launch = launch or {}
    AcceleratorState._reset_state(reset_partial_state=True)
    os.environ.update(launch)
    try:
        yield make_accelerator("cpu", "no")
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)
        for name in launch:
            del os.environ[name]


def one_process(folder, *plans):
    with full_precision() as accelerator:
        assert accelerator.num_processes == 1
        return [plan.carry_out(folder, accelerator) for plan in plans]


def several_processes(folder, *plans, count=2):
    """Return the curves of each plan, as every process saw them."""
    context, port = (
        multiprocessing.get_context("spawn"),
        free_port(),
    )  # forked, they would wait for threads of this process
    arguments = [(folder, plans, process, count, port) for process in range(count)]
    workers = [context.Process(target=one_of_several, args=each) for each in arguments]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(240)
        assert worker.exitcode == 0
    return [json.loads((folder / f"{process}.json").read_text()) for process in range(count)]


def one_of_several(folder, plans, process, count, port):
    torch.set_num_threads(1)
    ranks = {"RANK": process, "LOCAL_RANK": process, "WORLD_SIZE": count}
    launch = {name: str(value) for name, value in ranks.items()} | {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    with full_precision(launch) as accelerator:
        assert accelerator.num_processes == count and accelerator.device.type == "cpu"
        curves = [plan.carry_out(folder, accelerator) for plan in plans]
        (folder / f"{process}.json").write_text(json.dumps(curves))
        accelerator.end_training()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def furthest(ours, theirs):
    """Return the largest relative difference of two curves' losses."""
    assert len(ours) == len(theirs) and ours[0].keys() == theirs[0].keys()
    pairs = [(a[key], b[key]) for a, b in zip(ours, theirs, strict=True) for key in a]
    return max(abs(a - b) / max(abs(b), 1e-3) for a, b in pairs)


def test_two_processes_give_the_losses_of_one_and_their_state_serves_one(folder):
    plans = [
        Plan("temporal", "temporal", optimiser="muon"),
        Plan("image_to_3d", "in_parts", parts=2),
        Plan("autoencoder", "broken", until=STEPS // 2),
    ]
    alone = one_process(folder, *[replace(plan, out=f"{plan.out}_alone", until=STEPS) for plan in plans])
    first, second = several_processes(folder, *plans)
    assert first == second
    assert [furthest(two, one[: len(two)]) for two, one in zip(first, alone, strict=True)] == pytest.approx(
        [0] * 3, abs=1e-5
    )
    (rest,) = one_process(folder, replace(plans[2], until=STEPS))
    assert furthest(rest, alone[2][STEPS // 2 :]) < 1e-5 and len(rest) == STEPS - STEPS // 2


PREPARED = ("vae", "image_to_3d", "refit_image_to_3d", "temporal", "autoencoder", "finetune_autoencoder")


@pytest.mark.parametrize("part", PREPARED)
def test_losses_of_a_batch_are_the_means_of_its_slices(folder, part):
    recipe = replace(RECIPES[part], batch=BATCH)
    with full_precision() as accelerator:
        training = prepare(Job(part, SIZES["tiny"], recipe, folder / "data", folder / "run", accelerator))
    with torch.no_grad():
        batch = training.draw(generator_of(0, 0, 0))
        whole = training.objective(batch)
        slices = [training.objective(rows_of(batch, Share(0, i, 2))) for i in range(2)]
    assert any(abs(float(slices[0][key] - value)) > 1e-4 for key, value in whole.items())
    for key, value in whole.items():
        assert torch.stack([each[key] for each in slices]).mean().item() == pytest.approx(value.item(), rel=1e-5), key


def test_recomputed_blocks_keep_less_and_give_the_same_gradients(folder):
    gradients, kept = [], []

    def count(tensor):
        kept[-1] += tensor.numel()
        return tensor

    for recompute in (False, True):
        recipe = replace(RECIPES["temporal"], batch=2, frames=4, recompute=recompute)
        with full_precision() as accelerator:
            training = prepare(Job("temporal", SIZES["tiny"], recipe, folder / "data", folder / "run", accelerator))
        batch = training.draw(generator_of(0, 0, 0))
        kept.append(0)
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            loss = training.objective(batch)["loss"]
        loss.backward()
        gradients.append(
            {name: value.grad for name, value in training.objective.named_parameters() if value.requires_grad}
        )
    assert kept[1] < 0.6 * kept[0]
    plain, recomputed = gradients
    assert all(torch.allclose(plain[name], recomputed[name], rtol=1e-4, atol=1e-6) for name in plain)


def test_processes_share_parts_or_slices_of_parts():
    for parts, processes in ((1, 1), (1, 4), (4, 4), (8, 2), (2, 8)):
        shares = [share for process in range(processes) for share in shares_of(parts, process, processes)]
        rows = [row for share in shares for row in (100 * share.part + rows_of(torch.arange(16), share)).tolist()]
        assert sorted(rows) == [100 * part + row for part in range(parts) for row in range(16)]
        assert len({len(shares_of(parts, process, processes)) for process in range(processes)}) == 1
    with pytest.raises(InputError, match="3 processes cannot share a batch of 2 parts"):
        shares_of(2, 0, 3)
    with pytest.raises(InputError, match="3 processes cannot share 16 rows"):
        rows_of(torch.arange(16), Share(0, 0, 3))


def test_every_part_of_every_step_is_drawn_anew():
    drawn = {int(torch.randint(2**62, (1,), generator=generator_of(*each))) for each in product(range(3), repeat=3)}
    assert len(drawn) == 27
    again = [torch.rand(3, generator=generator_of(1, 2, 3)) for _ in range(2)]
    assert torch.equal(*again)


def test_precision_is_what_is_asked_for_or_what_the_device_does_fast(monkeypatch):
    for capabilities, expected in (({"amx_bf16": True}, "bf16"), ({"avx2": True}, "no")):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=capabilities: found)
        AcceleratorState._reset_state(reset_partial_state=True)
        assert make_accelerator("cpu").mixed_precision == expected
    AcceleratorState._reset_state(reset_partial_state=True)
    assert make_accelerator("cpu", "bf16").mixed_precision == "bf16"
    AcceleratorState._reset_state(reset_partial_state=True)


def test_what_only_training_needs_is_asked_for_when_it_begins(monkeypatch, tmp_path):
    """Neither package is among those that inference installs."""
    for name, begin in (("accelerate", make_accelerator), ("tensorboard", lambda: Board(tmp_path, "vae"))):
        with monkeypatch.context() as patch:
            for module in [
                name,
                *(loaded for loaded in sys.modules if loaded.startswith((f"{name}.", f"torch.utils.{name}"))),
            ]:
                patch.setitem(sys.modules, module, None)
            with pytest.raises(InputError, match="requirements-dev.txt"):
                begin()
