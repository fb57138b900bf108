"""The parts of a job that need no models: options, timings, and which models are kept."""

from types import SimpleNamespace

import pytest

from actionmesh import jobs
from actionmesh.errors import Cancelled, InputError, OutputError
from actionmesh.progress import Progress
from actionmesh.protocol import Animate, FrameChoice, KnownShape, Stage
from actionmesh.weights.checkpoints import default_checkpoint


def test_a_job_is_refused_for_its_frames():
    with pytest.raises(InputError, match="-3"):
        jobs.run(Animate(clip="a.mp4", out=(), frames=FrameChoice(start=-3)), jobs.KeptModel(), print, lambda: False)


def test_clock_gives_each_second_to_one_stage():
    now = 100.0
    seen = []
    clock = jobs.StageClock(seen.append, lambda: now)
    progress = Progress(clock.note)
    now += 5  # before any stage
    for _ in progress.track(range(2), Stage.MOTION):
        now += 1
        for _ in progress.track(range(3), Stage.SURFACE):
            now += 10
    assert clock.timings == {Stage.MOTION: 0.0, Stage.SURFACE: 60.0} and clock.total() == 67.0
    assert len(seen) == 3 + 2 * 4


class FakeModel:
    """A visible fake of a model, which is its own networks."""

    made = []

    def __init__(self, folder, device, memory):
        self.unloaded, self.networks = 0, self
        self.made.append((folder, device, memory))

    def unload(self):
        self.unloaded += 1


def test_models_are_kept_until_another_choice(monkeypatch, tmp_path):
    monkeypatch.setattr("actionmesh.memory.model.open_model", FakeModel)
    kept = jobs.KeptModel()
    first = kept.get(str(tmp_path), "cpu", "auto")
    assert kept.get(str(tmp_path), "cpu", "auto") is first
    second = kept.get(str(tmp_path), "cpu", "8")
    assert second is not first and first.unloaded == 1
    kept.unload()
    assert (second.unloaded, kept.get(str(tmp_path), "cpu", "8")) == (1, second)
    assert FakeModel.made == [(tmp_path, "cpu", "auto"), (tmp_path, "cpu", "8")]


def test_another_name_of_the_same_models_keeps_them(monkeypatch, tmp_path):
    monkeypatch.setattr("actionmesh.memory.model.open_model", FakeModel)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    kept = jobs.KeptModel()
    first = kept.get(None, "auto", "auto")
    bundled = default_checkpoint()
    (tmp_path / "link").symlink_to(bundled.path)
    for name in (None, bundled.name, str(bundled.path), f"{bundled.path}/", str(tmp_path / "link")):
        for device in ("auto", "cpu", "cpu:0"):
            assert kept.get(name, device, "auto") is first, (name, device)
    with pytest.raises(InputError, match="abacus"):
        kept.get(None, "abacus", "auto")
    assert first.unloaded == 0


class WaitingNetworks:
    """A visible fake of networks that never arrive: it asks whether to go on waiting."""

    def job(self, *parts, float8, check):
        while True:
            check()


def test_a_job_is_cancelled_while_it_waits_for_its_networks(monkeypatch, tmp_path):
    monkeypatch.setattr("actionmesh.pipeline.load_subject", lambda *given: None)
    facts = SimpleNamespace(preset=lambda name: SimpleNamespace(approximation=SimpleNamespace(float8=False)))
    model = SimpleNamespace(facts=facts, networks=WaitingNetworks())
    kept, answers = SimpleNamespace(get=lambda *choice: model), iter([False, False, True])
    with pytest.raises(Cancelled):
        jobs.run(Animate("a.mp4", (str(tmp_path / "b.glb"),)), kept, print, lambda: next(answers))


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Make a folder with every kind of input, where the job runs."""
    monkeypatch.chdir(tmp_path)
    for name in ("clip.mp4", "mesh.glb", "landed.glb", "mask.mp4", "walk/1.png", "walk/2.png", "poses/frame_0000.glb"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"the only {name}")
    (tmp_path / "alias.glb").symlink_to("mesh.glb")
    return tmp_path


class NoModel:
    """Opening a checkpoint would be work."""

    def get(self, *choice):
        raise AssertionError("work was begun")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"out": ("mesh.glb",)}, "mesh.glb"),
        ({"out": ("a.glb", "walk/../mesh.glb")}, "mesh.glb"),
        ({"out": ("mesh.glb",), "mesh": "alias.glb"}, "alias.glb"),
        ({"out": ("alias.glb",)}, "alias.glb"),
        ({"out": ("landed.glb",)}, "landed.glb"),
        ({"out": ("clip.mp4",)}, "clip.mp4"),
        ({"out": ("mask.mp4",)}, "mask.mp4"),
        ({"out": ("walk/1.png",), "clip": "walk"}, "1.png"),
        ({"out": ("walk/2.png",), "clip": "walk/*.png"}, "2.png"),
        ({"out": ("walk/2.png",), "mask": "walk/%d.png"}, "2.png"),
        ({"out": ("poses",), "mesh": "poses/frame_0000.glb"}, "frame_0000.glb"),
        ({"out": ("a.glb", "b.png", "./a.glb")}, "a.glb"),
        ({"out": ("new", "new/sheet.png")}, "new/sheet.png"),
        ({"out": ("new/sheet.png", "new/")}, "new/"),
    ],
)
def test_no_output_takes_the_place_of_an_input_or_of_another(files, change, named):
    inputs = {"clip": "clip.mp4", "mesh": "mesh.glb", "mask": "mask.mp4", "known": (KnownShape(1, "landed.glb"),)}
    with pytest.raises(InputError) as caught:
        jobs.run(Animate(**{**inputs, **change}), NoModel(), print, lambda: False)
    assert named in caught.value.problem and caught.value.cure
    for path in files.rglob("*.*"):
        assert path.is_dir() or path.is_symlink() or path.read_text() == f"the only {path.relative_to(files)}"


def test_outputs_beside_the_inputs_are_allowed(files):
    out = ("walk/mesh.glb", "mesh.png", "walk/3.png", "mesh", "poses", "clip.glb")
    jobs.check_outputs(Animate(clip="walk", mesh="mesh.glb", mask="mask.mp4", out=out))
    with pytest.raises(OutputError, match="1.png"):
        jobs.check_outputs(Animate(clip="clip.mp4", mesh="mesh.glb", out=("walk",)))


def test_checkpoints_are_known_by_name_or_folder(tiny_checkpoint, monkeypatch):
    monkeypatch.setenv("ACTIONMESH_CHECKPOINTS", str(tiny_checkpoint.parent))
    assert jobs.checkpoint_folder("tiny") == tiny_checkpoint
    assert str(jobs.checkpoint_folder("/some/folder")) == "/some/folder"
