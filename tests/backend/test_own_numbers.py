"""Settings of a single job that override its preset, through the whole pipeline with random weights."""

import json
import shutil

import numpy as np
import pytest
import torch
import trimesh

from actionmesh.errors import CheckpointError, InputError, MeshError, require_sound
from actionmesh.geometry.cleanup import clean_up, parts
from actionmesh.media.clip import Clip
from actionmesh.memory.model import open_model
from actionmesh.models.shape_vae import ShapeVAE
from actionmesh.pipeline import animate, preset_of
from actionmesh.presets import PRESETS
from actionmesh.progress import Progress
from actionmesh.protocol import Animate, ReferencePose, Stage
from tests.backend.test_cleanup import ball

BALLS = ((0.5, -0.3), (0.15, 0.5), (0.05, 0.8))
"""Radius and x position of three parts: the second has about 9% of the first's faces, the third about 1%."""


def pictures(count):
    frames = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 4), np.uint8)
    frames[..., 3] = 255
    return Clip(frames, np.arange(count) / 24, np.arange(count), True, "pictures")


@pytest.fixture(scope="module")
def mesh(tmp_path_factory):
    path = tmp_path_factory.mktemp("mesh") / "ball.ply"
    trimesh.creation.icosphere(subdivisions=2, radius=3).export(path)
    return str(path)


@pytest.fixture
def three_balls(tiny_model, monkeypatch):
    """Return the tiny model with a shape of three balls, regardless of its random weights."""

    def field(self, points, context):
        inside = [radius - (points - points.new_tensor([x, 0, 0])).norm(dim=-1, keepdim=True) for radius, x in BALLS]
        return torch.stack(inside).amax(dim=0)

    monkeypatch.setattr(ShapeVAE, "query", field)
    return tiny_model


def run(model, count=3, progress=None, **options):
    return animate(Animate("pictures", out=(), preset="demo", **options), model, progress, pictures(count))


@pytest.mark.parametrize("count", [3, 12], ids=["one window", "two windows"])
def test_the_reference_pose_of_an_artists_mesh(tiny_model, mesh, count):
    own = trimesh.load(mesh, process=False).vertices
    corrected, published, decoded = (
        run(tiny_model, count, mesh=mesh, anchor=1, reference_pose=pose).vertices for pose in ReferencePose
    )
    np.testing.assert_array_equal(run(tiny_model, count, mesh=mesh, anchor=1).vertices, corrected)
    np.testing.assert_array_equal(corrected[1], np.float32(own))
    np.testing.assert_array_equal(published[1], np.float32(own))
    assert np.abs(decoded[1] - own).max() > 0.01
    others = [frame for frame in range(count) if frame != 1]
    np.testing.assert_array_equal(published[others], decoded[others])
    np.testing.assert_allclose(corrected[2], decoded[2] - (decoded[1] - own), atol=1e-4)
    assert np.abs(corrected - published).max(axis=(1, 2))[others].min() > 0.01


def test_a_clip_alone_is_decoded_unless_told_otherwise(three_balls):
    decoded, published = run(three_balls).vertices, run(three_balls, reference_pose=ReferencePose.PUBLISHED).vertices
    np.testing.assert_array_equal(decoded[1:], published[1:])
    distance = np.abs(
        np.linalg.norm(published[0][:, None] - [(x, 0, 0) for _, x in BALLS], axis=2) - [r for r, _ in BALLS]
    )
    assert distance.min(axis=1).max() < 0.02, "the published anchor pose is the surface itself"
    assert np.abs(decoded[0] - published[0]).max() > 0.01


@pytest.mark.parametrize(("share", "kept"), [(None, 2), (0, 3), (0.0, 3), (0.3, 1), (1, 1)])
def test_parts_are_dropped_by_the_share_that_was_chosen(three_balls, share, kept):
    assert parts(run(three_balls, smallest_part=share).faces).max() + 1 == kept


def test_faces_and_steps_are_as_many_as_were_chosen(three_balls):
    events = []
    few = run(three_balls, progress=Progress(events.append), max_faces=300, image_steps=5, smallest_part=0)
    totals = {event.stage: event.total for event in events}
    assert totals[Stage.REFERENCE] == 5 and 250 < len(few.faces) <= 300
    assert len(run(three_balls).faces) > 2000


def test_so_few_faces_that_nothing_is_left_are_told():
    with pytest.raises(MeshError, match="No face .* is left, because at most 1 are allowed. Allow more faces."):
        clean_up(*ball(3), max_faces=1)


def test_own_numbers_win_over_the_checkpoints_and_those_over_the_presets(tiny_checkpoint, tmp_path):
    folder = tmp_path / "own"
    shutil.copytree(tiny_checkpoint, folder)
    path = folder / "checkpoint.json"
    settings = json.loads(path.read_text())
    settings["presets"]["demo"] |= {"smallest_part": 0.25, "image_steps": 9}
    path.write_text(json.dumps(settings))
    model = open_model(folder, "cpu")
    assert model.facts.preset("demo").smallest_part == 0.25
    assert model.facts.preset("fast").smallest_part == PRESETS["fast"].smallest_part == 0.02
    chosen = preset_of(Animate("a.mp4", out=(), preset="demo", smallest_part=0, max_faces=77), model)
    assert (chosen.smallest_part, chosen.max_faces, chosen.image_steps) == (0, 77, 9)
    settings["presets"]["demo"]["smallest_part"] = 2
    path.write_text(json.dumps(settings))
    with pytest.raises(CheckpointError, match=r"checkpoint.json sets smallest_part to 2. Use a share from 0 to 1"):
        open_model(folder, "cpu").facts.preset("demo")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"image_steps": 0}, "The number of Stage 0's steps is 0."),
        ({"image_steps": -3}, "The number of Stage 0's steps is -3."),
        ({"image_steps": True}, "The number of Stage 0's steps is True."),
        ({"image_steps": 2.5}, "The number of Stage 0's steps is 2.5."),
        ({"max_faces": 0}, "The largest number of faces is 0."),
        ({"max_faces": 3}, "The largest number of faces is 3."),
        ({"max_faces": True}, "The largest number of faces is True."),
        ({"max_faces": float("nan")}, "The largest number of faces is nan."),
        ({"smallest_part": -0.1}, "The smallest part is -0.1 of the largest."),
        ({"smallest_part": 1.01}, "The smallest part is 1.01 of the largest."),
        ({"smallest_part": float("nan")}, "The smallest part is nan of the largest."),
        ({"smallest_part": True}, "The smallest part is True of the largest."),
        ({"smallest_part": "2%"}, "The smallest part is 2% of the largest."),
        ({"reference_pose": "kept"}, "The reference pose is kept."),
        ({"reference_pose": True}, "The reference pose is True."),
    ],
)
def test_nonsense_is_named_in_one_sentence_with_its_cure(wrong, sentence):
    with pytest.raises(InputError) as caught:
        require_sound(Animate("a.mp4", out=(), **wrong))
    assert caught.value.problem == sentence and caught.value.cure.startswith("Use ")
