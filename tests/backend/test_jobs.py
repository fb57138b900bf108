"""The parts of a job that need no models: options, timings, and which models are kept."""

import pytest

from actionmesh import jobs
from actionmesh.errors import InputError
from actionmesh.options import AnimateOptions, FrameChoice, KnownShape
from actionmesh.progress import Progress
from actionmesh.protocol import Animate, Frames, Known


def test_options_are_the_pipelines_part_of_a_job():
    job = Animate(clip="a.mp4", out=("b.glb",), frames=Frames(1, 8, 2), known=(Known(3, "c.glb"),), seed=5, fps=12.0)
    assert jobs.options_of(job) == AnimateOptions(
        clip="a.mp4", frames=FrameChoice(1, 8, 2), known=(KnownShape(3, "c.glb"),), seed=5, fps=12.0
    )
    with pytest.raises(InputError, match="-3"):
        jobs.options_of(Animate(clip="a.mp4", out=(), frames=Frames(start=-3)))


def test_clock_gives_each_second_to_one_stage():
    now = 100.0
    seen = []
    clock = jobs.StageClock(seen.append, lambda: now)
    progress = Progress(clock.note)
    now += 5  # before any stage
    for _ in progress.track(range(2), "outer"):
        now += 1
        for _ in progress.track(range(3), "inner"):
            now += 10
    assert clock.timings() == {"outer": 0.0, "inner": 60.0, jobs.REST: 7.0, jobs.TOTAL: 67.0}
    assert len(seen) == 3 + 2 * 4


class FakeStore:
    made = []

    def __init__(self, folder, device, low_memory):
        self.unloaded = 0
        self.made.append((folder, device, low_memory))

    def unload(self):
        self.unloaded += 1


def test_models_are_kept_until_another_choice(monkeypatch, tmp_path):
    monkeypatch.setattr("actionmesh.weights.store.ModelStore", FakeStore)
    stores = jobs.Stores()
    first = stores.get(str(tmp_path), "cpu", False)
    assert stores.get(str(tmp_path), "cpu", False) is first
    second = stores.get(str(tmp_path), "cpu", True)
    assert second is not first and first.unloaded == 1
    stores.unload()
    assert (second.unloaded, stores.get(str(tmp_path), "cpu", True)) == (1, second)
    assert FakeStore.made == [(tmp_path, "cpu", False), (tmp_path, "cpu", True)]


def test_checkpoints_are_known_by_name_or_folder(tiny_checkpoint, monkeypatch):
    monkeypatch.setenv("ACTIONMESH_CHECKPOINTS", str(tiny_checkpoint.parent))
    assert jobs.checkpoint_folder("tiny") == tiny_checkpoint
    assert str(jobs.checkpoint_folder("/some/folder")) == "/some/folder"
