"""The clean-up runs in parallel with Stage I, raises its errors as soon as possible, and never outlives its job."""

import copy
import threading
import time
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch

from actionmesh.errors import Cancelled, MeshError
from actionmesh.geometry.cleanup import clean_up
from actionmesh.geometry.mesh import Mesh
from actionmesh.media.clip import Clip
from actionmesh.memory.plan import on_device
from actionmesh.models.shape_vae import ShapeVAE
from actionmesh.pipeline import animate
from actionmesh.presets import PRESETS
from actionmesh.progress import Progress
from actionmesh.protocol import Animate, Stage
from actionmesh.stages import pending_reference
from actionmesh.stages.pending_reference import PendingReference, ReadyReference, reference_from_picture
from actionmesh.stages.reference import decode_mesh, reference_from_mesh, reference_in_model_space
from actionmesh.stages.run import Run
from tests.backend.test_cleanup import ball

LATENT = torch.zeros(4, 8)
BALL = reference_in_model_space(LATENT, Mesh(*ball(1)))


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("reference")]


def work_until_told(check):
    """Run a clean-up that takes two seconds unless it is stopped."""
    for _ in range(200):
        time.sleep(0.01)
        check()
    return BALL


@pytest.fixture
def ball_run(tiny_run, monkeypatch):
    """Return the tiny run with a ball as its shape; its random weights are queried, but do not matter."""
    query = ShapeVAE.query

    def ball_field(self, points, context):
        return 0.6 - points.norm(dim=-1, keepdim=True) + 0 * query(self, points, context)

    monkeypatch.setattr(ShapeVAE, "query", ball_field)
    return tiny_run


def preset(**changes):
    return PRESETS["demo"].overridden({"image_steps": 1, "resolution": 48, "max_faces": 500, **changes}, "a test")


def picture(run):
    return torch.zeros(5, run.networks.image_to_3d.config.cross_attention_dim)


def test_other_work_goes_on_meanwhile():
    told = threading.Event()

    def finish(check):
        assert told.wait(5)
        return BALL

    with PendingReference(LATENT, finish, Progress()) as pending:
        assert pending.latent is LATENT
        told.set()
        assert pending.ready() is BALL
    assert not threads()


def test_its_error_is_raised_where_its_mesh_is_needed():
    def finish(check):
        raise MeshError("The surface is as small as a point.", "Use another seed.")

    with PendingReference(LATENT, finish, Progress()) as pending:
        with pytest.raises(MeshError, match="as small as a point") as refused:
            pending.ready()
    assert refused.value.cure == "Use another seed." and not threads()


@pytest.mark.parametrize(
    ("error", "told"), [(MeshError("Nothing is left."), True), (MemoryError(), False), (ValueError(), False)]
)
def test_an_error_of_the_users_is_told_as_soon_as_it_is_known(error, told):
    """If the clean-up runs out of memory, a stage that checks it must not retry with less."""
    fail = threading.Event()

    def finish(check):
        assert fail.wait(5)
        raise error

    with PendingReference(LATENT, finish, Progress()) as pending:
        pending.check()
        fail.set()
        with pytest.raises(type(error)):
            pending.ready()
        with pytest.raises(MeshError, match="Nothing") if told else nullcontext():
            pending.check()


@pytest.mark.parametrize("error", [Cancelled(), RuntimeError("CUDA out of memory")])
def test_whatever_ends_the_job_ends_the_clean_up(error):
    begin = time.monotonic()
    with pytest.raises(type(error)):
        with PendingReference(LATENT, work_until_told, Progress()):
            raise error
    assert time.monotonic() - begin < 1 and not threads()


def test_it_obeys_cancellation_while_it_is_waited_for():
    begin = time.monotonic()
    progress = Progress(cancelled=lambda: time.monotonic() - begin > 0.1)
    with PendingReference(LATENT, work_until_told, progress) as pending:
        with pytest.raises(Cancelled):
            pending.ready()
    assert time.monotonic() - begin < 1


def test_a_reference_that_is_there_need_not_be_waited_for(tiny_run):
    made = reference_from_mesh(tiny_run, Mesh(*ball(2)), 0)
    with ReadyReference(made) as pending:
        pending.check()
        assert pending.latent is made.latent and pending.ready() is made and not threads()


def test_the_mesh_is_the_one_that_is_cleaned_up_at_once(ball_run):
    events = []
    told = Run.of(ball_run, Progress(events.append))
    with reference_from_picture(told, picture(ball_run), preset(), 3) as pending:
        made = pending.ready()
    vertices, faces = decode_mesh(ball_run, pending.latent, preset())
    assert np.array_equal(made.mesh.vertices, vertices) and np.array_equal(made.mesh.faces, faces)
    assert 300 < len(faces) <= 500 and np.linalg.norm(vertices, axis=1) == pytest.approx(0.6, abs=0.02)
    stages = list(dict.fromkeys(event.stage for event in events))
    assert stages == [Stage.REFERENCE, Stage.SURFACE]


def test_a_picture_without_a_shape_is_told_of_before_stage_one(ball_run, monkeypatch):
    monkeypatch.setattr(ShapeVAE, "query", lambda self, points, context: -torch.ones(*points.shape[:-1], 1))
    with pytest.raises(MeshError, match="No shape could be made from the reference frame") as refused:
        reference_from_picture(ball_run, picture(ball_run), preset(), 3)
    assert "another seed" in refused.value.cure and not threads()


def test_a_surface_of_nothing_is_a_typed_error(ball_run, monkeypatch):
    speck = np.ones((3, 3), np.float32), np.array([[0, 1, 2]], np.int32)
    monkeypatch.setattr(pending_reference, "decode_surface", lambda *given: speck)
    with reference_from_picture(ball_run, picture(ball_run), preset(), 3) as pending:
        with pytest.raises(MeshError, match="as small as a point") as refused:
            pending.ready()
    assert refused.value.cure


@pytest.mark.parametrize(("query_rows", "expected"), [(500, 500), (65_536, 8192)])
def test_queries_are_as_large_as_the_memory_plan_says(ball_run, monkeypatch, query_rows, expected):
    sizes, query = [], ShapeVAE.query

    def counted(self, points, context):
        assert points.dtype == torch.float32
        sizes.append(points.shape[1])
        return query(self, points, context)

    monkeypatch.setattr(ShapeVAE, "query", counted)
    runtime = ball_run.runtime
    monkeypatch.setattr(runtime, "plan", on_device(replace(runtime.plan, query_rows=query_rows), runtime.device))
    latent = torch.zeros(ball_run.facts.tokens, ball_run.networks.image_to_3d.config.in_channels)
    decode_mesh(ball_run, latent, preset())
    assert max(sizes) == expected


def test_a_half_precision_network_is_queried_at_float32_points(ball_run, monkeypatch):
    """As on a GPU, the network's weights are bfloat16, but its positions are not."""
    vae = copy.deepcopy(ball_run.networks.shape_vae).to(torch.bfloat16)
    monkeypatch.setattr(type(ball_run.networks), "shape_vae", vae)
    latent = torch.zeros(ball_run.facts.tokens, ball_run.networks.image_to_3d.config.in_channels)
    vertices, _ = decode_mesh(ball_run, latent, preset(max_faces=100_000))
    assert np.linalg.norm(vertices, axis=1) == pytest.approx(0.6, abs=1e-3)


class Story:
    """A whole job from three opaque pictures, with its events in order; its clean-up waits for Stage I to begin."""

    def __init__(self, model, monkeypatch, last_stage=None, steps=2):
        self.model, self.seen, self.moving = model, [], threading.Event()
        self.last_stage, self.last_event = last_stage, None
        monkeypatch.setattr(pending_reference, "clean_up", self.clean_up)
        monkeypatch.setattr(model.facts, "preset", lambda name: preset(steps=steps, guidance=2.0))

    def run(self):
        pictures = np.full((3, 32, 32, 4), 255, np.uint8)
        clip = Clip(pictures, np.arange(3) / 24, np.arange(3), True, "three pictures")
        progress = Progress(self.report, cancelled=lambda: self.last_stage is not None and self.last_stage in self.seen)
        return animate(Animate("three pictures", out=()), self.model, progress, clip)

    def report(self, event):
        self.last_event = event
        if not self.seen or self.seen[-1] != event.stage:
            self.seen.append(event.stage)
        if event.stage == Stage.MOTION and event.step:
            self.moving.set()

    def clean_up(self, *surface, check):
        while not self.moving.wait(0.01):
            check()
        self.seen.append("clean-up")
        return clean_up(*surface, check=check)


IMAGE, EXTRACTION, MOTION, MOVING = (
    Stage.REFERENCE,
    Stage.SURFACE,
    Stage.MOTION,
    Stage.CORRESPONDENCE,
)


def test_a_whole_job_cleans_up_during_stage_one(ball_run, monkeypatch):
    story = Story(ball_run, monkeypatch)
    animation = story.run()
    assert animation.vertices.shape[0] == 3 and 300 < len(animation.faces) <= 500
    order = [stage for stage in story.seen if stage in (IMAGE, EXTRACTION, MOTION, MOVING, "clean-up")]
    assert list(dict.fromkeys(order)) == [IMAGE, EXTRACTION, MOTION, "clean-up", MOVING]


def test_stage_one_ends_when_nothing_is_left_of_the_mesh(ball_run, monkeypatch):
    story = Story(ball_run, monkeypatch, steps=1000)
    speck = np.ones((3, 3), np.float32), np.array([[0, 1, 2]], np.int32)
    monkeypatch.setattr(pending_reference, "decode_surface", lambda *given: speck)
    with pytest.raises(MeshError, match="as small as a point"):
        story.run()
    assert story.last_event.stage == MOTION and 0 < story.last_event.step < 1000 and not threads()


def test_a_job_that_is_cancelled_in_stage_one_leaves_no_thread(ball_run, monkeypatch):
    story = Story(ball_run, monkeypatch, MOTION)
    with pytest.raises(Cancelled):
        story.run()
    assert MOTION in story.seen and "clean-up" not in story.seen and not threads()
