"""The whole pipeline with the bundled checkpoint: clips and meshes in, animations out."""

import cv2
import numpy as np
import pytest
import trimesh

from actionmesh.animation import Animation
from actionmesh.errors import ActionMeshError, Cancelled, CheckpointError, InputError, MediaError, MeshError
from actionmesh.memory.model import open_model
from actionmesh.pipeline import animate, pose_times
from actionmesh.progress import Progress
from actionmesh.protocol import Animate, FrameChoice, KnownShape, Match, Shape, Stage
from actionmesh.toys import make_sequence
from actionmesh.toys.rendering import render_toy
from actionmesh.weights.checkpoints import default_checkpoint

STAGES = [
    Stage.READING,
    Stage.CUTTING_OUT,
    Stage.FINDING_CAMERA,
    Stage.ENCODING_FRAMES,
    Stage.MOTION,
    Stage.CORRESPONDENCE,
]


@pytest.fixture(scope="module")
def model():
    return open_model(default_checkpoint().path, "cpu")


@pytest.fixture(scope="module")
def toy():
    return make_sequence(11, 16, "fish")


@pytest.fixture(scope="module")
def clip(toy, tmp_path_factory):
    """Write six frames of the toy as PNG with alpha."""
    folder = tmp_path_factory.mktemp("clip")
    for i, frame in enumerate(render_toy(toy)[:6]):
        cv2.imwrite(str(folder / f"frame{i}.png"), cv2.cvtColor(frame, cv2.COLOR_RGBA2BGRA))
    return folder


@pytest.fixture(scope="module")
def mesh(toy, tmp_path_factory):
    """Write the toy's first frame, moved a metre to the right and ten times as large."""
    path = tmp_path_factory.mktemp("mesh") / "fish.ply"
    trimesh.Trimesh(toy.vertices[0] * 10 + [1, 0, 0], toy.faces, process=False).export(path)
    return path


def test_a_mesh_is_animated_in_its_own_coordinates(model, clip, mesh, toy):
    events = []
    options = Animate(str(clip), out=(), mesh=str(mesh), preset="demo", anchor=2, fps=12)
    animation = animate(options, model, Progress(events.append))
    own = toy.vertices[0] * 10 + np.float32([1, 0, 0])
    assert animation.vertices.shape == (6, len(own), 3) and animation.reference_frame == 2
    np.testing.assert_allclose(animation.vertices[2], own, atol=1e-5)
    np.testing.assert_array_equal(animation.faces, toy.faces)
    np.testing.assert_allclose(animation.times, np.arange(6) / 12)
    moved = np.linalg.norm(animation.vertices[5] - own, axis=1).mean() / 15
    assert 0.005 < moved < 0.5
    assert [event.stage for event in events if event.step == 0] == STAGES
    assert all(event.seconds_left == 0 for event in events if event.step == event.total)


def test_a_video_alone_becomes_a_moving_mesh(model, clip):
    animation = animate(Animate(str(clip), out=(), preset="demo", in_betweens=1, seed=3, shape=Shape.NETWORK), model)
    assert animation.vertices.shape[0] == 11 and animation.vertices.shape[1] > 200
    assert np.abs(animation.vertices).max() <= 1 and np.isfinite(animation.vertices).all()
    assert animation.frame_indices.tolist() == [0, -1, 1, -1, 2, -1, 3, -1, 4, -1, 5]
    assert animation.provenance.seed == 3 and animation.provenance.checkpoint == "toy"
    box = np.ptp(animation.vertices[0], axis=0)
    assert box[0] > 1.3 * box[1], "a fish seen from the side is longer than it is high"


def test_the_same_seed_gives_the_same_mesh(model, clip, mesh):
    def run(seed):
        return animate(Animate(str(clip), out=(), mesh=str(mesh), preset="demo", seed=seed), model).vertices

    first = run(1)
    np.testing.assert_array_equal(first, run(1))
    assert np.abs(first - run(2)).max() > 1e-5


def test_further_known_frames_bend_the_motion(model, clip, mesh, toy, tmp_path):
    last = tmp_path / "last.ply"
    trimesh.Trimesh(toy.vertices[5] * 10 + [1, 0, 0], toy.faces, process=False).export(last)
    options = Animate(str(clip), out=(), mesh=str(mesh), preset="demo")
    alone = animate(options, model)
    both = animate(Animate(**{**vars(options), "known": (KnownShape(-1, str(last)),)}), model)
    truth = toy.vertices[5] * 10 + np.float32([1, 0, 0])
    errors = [np.linalg.norm(result.vertices[5] - truth, axis=1).mean() for result in (both, alone)]
    assert errors[0] < errors[1]


def test_a_result_survives_saving(model, clip, mesh, tmp_path):
    animation = animate(
        Animate(str(clip), out=(), mesh=str(mesh), preset="demo", anchor=0, frames=FrameChoice(start=1, count=3)), model
    )
    animation.save(tmp_path / "a.safetensors")
    loaded = Animation.load(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(loaded.vertices, animation.vertices)
    assert loaded.provenance == animation.provenance and loaded.reference_frame == 0


@pytest.mark.parametrize("keep", [0, 10, 100, -1])
def test_a_truncated_result_is_refused_by_name(model, clip, mesh, tmp_path, keep):
    path = tmp_path / "a.safetensors"
    animate(Animate(str(clip), out=(), mesh=str(mesh), preset="demo", frames=FrameChoice(count=2)), model).save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match="a.safetensors"):
        Animation.load(path)


@pytest.mark.parametrize("stage", [*STAGES, Stage.REFERENCE, Stage.SURFACE])
def test_every_stage_can_be_cancelled(model, clip, mesh, stage):
    seen = []
    progress = Progress(seen.append, cancelled=lambda: any(event.stage == stage for event in seen))
    with_mesh = None if stage in (Stage.REFERENCE, Stage.SURFACE) else str(mesh)
    with pytest.raises(Cancelled):
        animate(Animate(str(clip), out=(), mesh=with_mesh, preset="demo", shape=Shape.NETWORK), model, progress)
    assert seen[-1].stage == stage and seen[-1].step <= 1


def test_following_the_clip_can_be_cancelled(model, clip, mesh):
    seen = []
    progress = Progress(seen.append, cancelled=lambda: any(event.stage == Stage.FOLLOWING for event in seen))
    with pytest.raises(Cancelled):
        animate(Animate(str(clip), out=(), mesh=str(mesh), preset="demo", match=Match.TRACK), model, progress)
    assert seen[-1].stage == Stage.FOLLOWING and seen[-1].step <= 1


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"clip": "nowhere.mp4"}, MediaError, "nowhere.mp4"),
        ({"mesh": "nowhere.glb"}, MeshError, "nowhere.glb"),
        ({"anchor": 6}, InputError, "reference frame is 6"),
        ({"known": (KnownShape(0, "{mesh}"),)}, InputError, "two known shapes"),
        ({"known": (KnownShape(9, "{mesh}"),)}, InputError, "known frame is 9"),
        ({"preset": "best"}, InputError, "best"),
        ({"frames": FrameChoice(start=5)}, MediaError, "frame"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(model, clip, mesh, change, error, words):
    change = {
        name: tuple(KnownShape(known.frame, str(mesh)) for known in value) if name == "known" else value
        for name, value in change.items()
    }
    with pytest.raises(error, match=words) as refused:
        animate(Animate(**{"clip": str(clip), "mesh": str(mesh), "preset": "demo", **change}, out=()), model)
    assert isinstance(refused.value, ActionMeshError) and refused.value.cure


def test_a_missing_part_of_the_checkpoint_is_named(clip, tmp_path):
    with pytest.raises(CheckpointError, match="lacks"):
        open_model(tmp_path)


def test_cutting_out_the_subject_can_be_cancelled(model):
    clip = default_checkpoint().path / "demo" / "clip.mp4"
    seen = []
    progress = Progress(seen.append, cancelled=lambda: any(event.stage == Stage.CUTTING_OUT for event in seen))
    with pytest.raises(Cancelled):
        animate(Animate(str(clip), out=(), preset="demo"), model, progress)
    assert (seen[-1].stage, seen[-1].step, seen[-1].total) == (Stage.CUTTING_OUT, 0, 24)


def test_pose_times():
    assert pose_times(3, 0) == [0, 1, 2]
    assert pose_times(3, 3) == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2]
