"""If memory runs out in the middle of a job, the job continues once with less, and reports it."""

import logging
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
import trimesh

from actionmesh import jobs
from actionmesh.animation import Animation
from actionmesh.failures import explain
from actionmesh.memory.model import open_model
from actionmesh.memory.needs import needs_of
from actionmesh.memory.networks import Networks
from actionmesh.memory.plan import PLANS, on_device, plan_named
from actionmesh.progress import Progress
from actionmesh.protocol import Animate, Kind, Match, Memory, Stage
from actionmesh.stages.retry import once_more_with_less
from actionmesh.stages.run import Run
from actionmesh.toys import make_sequence
from actionmesh.toys.rendering import render_toy
from actionmesh.weights.checkpoints import open_checkpoint

IMPOSSIBLE = 1 << 50
"""More bytes than any machine has."""


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """Write three frames of a toy, and its mesh. Match is off: it would enlarge differences of the last digit."""
    folder, toy = tmp_path_factory.mktemp("clip"), make_sequence(11, 16, "fish")
    for i, frame in enumerate(render_toy(toy)[:3]):
        cv2.imwrite(str(folder / f"frame{i}.png"), cv2.cvtColor(frame, cv2.COLOR_RGBA2BGRA))
    mesh = tmp_path_factory.mktemp("mesh") / "fish.ply"
    trimesh.Trimesh(toy.vertices[0], toy.faces, process=False).export(mesh)
    out = tmp_path_factory.mktemp("out") / "fish.safetensors"
    return Animate(str(folder), (str(out),), mesh=str(mesh), preset="demo", match=Match.OFF)


def run(job, kept):
    events = []
    done = jobs.run(job, kept, events.append, lambda: False)
    return done, [(event.stage, event.item) for event in events if event.step == 0], Animation.load(job.out[0]).vertices


def fail(monkeypatch, part, times, error):
    """Install a visible fake: the first calls of a network run out of memory."""
    real, calls = Networks._part, []

    def scarce(networks, name, float8=False):
        network = real(networks, name, float8)
        if name == part and len(calls) < times:
            calls.append(name)
            error()
        return network

    monkeypatch.setattr(Networks, "_part", scarce)


def out_of_memory():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 8 GiB.")


def really_too_much():
    torch.empty(IMPOSSIBLE, dtype=torch.uint8)


@pytest.mark.parametrize("part", ["temporal_denoiser", "temporal_autoencoder"])
def test_a_job_goes_on_with_less_memory_from_the_stage_that_failed(job, monkeypatch, part):
    plain, stages, vertices = run(job, jobs.KeptModel())
    assert (plain.plan, plain.retried_for_memory) == ("24", False)
    fail(monkeypatch, part, 1, out_of_memory)
    done, told, again = run(job, jobs.KeptModel())
    assert (done.plan, done.retried_for_memory) == ("12", True)
    notice = (Stage.LESS_MEMORY, "12")
    assert notice in told and Stage.LESS_MEMORY in done.timings
    assert [stage for stage in told if stage != notice] in (stages, _with_twice(stages, part))
    np.testing.assert_allclose(again, vertices, atol=1e-5)


def test_encoding_a_mesh_goes_on_with_less_memory(job, monkeypatch):
    fail(monkeypatch, "shape_vae", 1, out_of_memory)
    done, told, _ = run(job, jobs.KeptModel())
    assert (done.plan, done.retried_for_memory) == ("12", True) and (Stage.LESS_MEMORY, "12") in told


def _with_twice(stages, part):
    """Return the stages with that of `part` twice: Stage II reports its start before it requests the network."""
    last = stages.index((Stage.CORRESPONDENCE, ""))
    return stages[:last] + [stages[last]] + stages[last:] if part == "temporal_autoencoder" else stages


def test_an_allocation_that_really_fails_is_survived(job, monkeypatch, caplog):
    fail(monkeypatch, "temporal_denoiser", 1, really_too_much)
    with caplog.at_level(logging.WARNING):
        done, _, _ = run(job, jobs.KeptModel())
    assert done.retried_for_memory and "plan for 12 GB" in caplog.text


def test_the_next_job_keeps_the_smaller_plan_and_may_go_down_once_more(job, monkeypatch):
    kept = jobs.KeptModel()
    fail(monkeypatch, "temporal_denoiser", 1, out_of_memory)
    run(job, kept)
    done, _, _ = run(job, kept)
    assert (done.plan, done.retried_for_memory) == ("12", False)
    fail(monkeypatch, "temporal_denoiser", 1, out_of_memory)
    done, _, _ = run(job, kept)
    assert (done.plan, done.retried_for_memory) == ("8", True)


@pytest.mark.parametrize(("memory", "times"), [(Memory.AUTO, 2), (Memory.GB_6, 1)])
def test_twice_in_a_job_or_under_the_smallest_plan_it_is_an_error_with_a_cure(job, monkeypatch, memory, times):
    fail(monkeypatch, "temporal_denoiser", times, out_of_memory)
    with pytest.raises(torch.OutOfMemoryError) as caught:
        run(Animate(**{**vars(job), "memory": memory}), jobs.KeptModel())
    told = explain(caught.value)
    assert told.kind is Kind.OUT_OF_MEMORY and "smaller memory plan" in told.cure


@pytest.mark.parametrize(
    ("memory", "fitting", "expected"), [("auto", "8", "8"), ("auto", "24", "12"), ("24", "8", "12")]
)
def test_a_chosen_plan_is_chosen_again_and_a_named_one_gives_way_to_the_next(
    tiny_checkpoint, monkeypatch, memory, fitting, expected
):
    """A visible fake: when memory runs out, other programs leave as much as the fitting plan needs."""
    tiny = needs_of(open_checkpoint(tiny_checkpoint), torch.float32)
    model = open_model(tiny_checkpoint, "cpu", memory)
    networks, runtime = model.networks, model.runtime
    assert runtime.plan.name == "24" and networks.shape_vae is not None
    freed = []

    def left(device):
        freed.append(networks.held() == {})
        return int(1.15 * tiny.bytes_of(plan_named(fitting))) + 1

    monkeypatch.setattr("actionmesh.memory.runtime.free_memory", left)
    networks.lighten()
    assert runtime.plan == on_device(plan_named(expected), runtime.device) and all(freed), (
        "what the networks held is free then"
    )
    assert runtime.retried_for_memory and not runtime.can_lighten and networks.held() == {}


class FakeNetworks:
    """Networks that record when a smaller plan was requested."""

    def __init__(self):
        self.lightened = 0

    def lighten(self):
        self.lightened += 1


def fake_run(networks, report=None):
    return Run(None, networks, SimpleNamespace(plan=PLANS[1], can_lighten=True), Progress(report))


def test_other_errors_are_not_tried_again():
    calls, networks = [], FakeNetworks()

    @once_more_with_less
    def stage(run):
        calls.append(run)
        raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        stage(fake_run(networks))
    assert len(calls) == 1 and networks.lightened == 0


def test_what_failed_is_freed_before_it_is_tried_again():
    """The error's traceback would otherwise keep its tensors alive."""
    networks, alive = FakeNetworks(), []

    class Large:
        def __del__(self):
            alive.remove(self.number)

        def __init__(self, number):
            self.number = number
            alive.append(number)

    def lighten():
        assert alive == []
        networks.lightened += 1

    networks.lighten = lighten

    @once_more_with_less
    def stage(run):
        held = Large(networks.lightened)
        if networks.lightened == 0:
            out_of_memory()
        return held.number

    assert stage(fake_run(networks)) == 1 and networks.lightened == 1
