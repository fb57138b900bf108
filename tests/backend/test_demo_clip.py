"""The bundled clip shows a toy that can be cut out, and its mesh fits the first frame; the husky makes a relief."""

import cv2
import numpy as np
import pytest

from actionmesh.evaluation.baselines import NOWHERE
from actionmesh.geometry.mesh_files import load_mesh
from actionmesh.media.reader import read_clip
from actionmesh.painting.coat import Coat
from actionmesh.progress import Progress
from actionmesh.protocol import FrameChoice
from actionmesh.relief_animation import relief_animation
from actionmesh.segmentation.choice import cut_out
from actionmesh.toys import make_sequence
from actionmesh.training.demo_clip import write_demo
from actionmesh.weights.checkpoints import default_checkpoint

HUSKY = default_checkpoint().path / "demo" / "husky"


def test_the_demo_is_a_readable_clip_and_a_mesh_of_its_first_frame(tmp_path):
    write_demo(tmp_path, seed=2007, template="fish", frames=4)
    clip = cut_out(read_clip(str(tmp_path / "clip.mp4"), FrameChoice()))
    toy = make_sequence(2007, 4, "fish")
    covered = (clip.frames[:][..., 3] > 128).mean(axis=(1, 2))
    assert clip.frames.shape == (4, 384, 384, 4) and (covered > 0.02).all() and (covered < 0.5).all()
    np.testing.assert_allclose(clip.times[-1], toy.times[-1], rtol=0.05)
    mesh = load_mesh(tmp_path / "mesh.glb")
    np.testing.assert_allclose(mesh.vertices, toy.vertices[0], atol=1e-6)
    np.testing.assert_array_equal(mesh.faces, toy.faces)


@pytest.fixture(scope="module")
def husky():
    return cut_out(read_clip(str(HUSKY), FrameChoice()))


def test_the_husky_is_small_and_says_whose_it_is(husky):
    assert husky.frames.shape == (16, 512, 512, 4) and husky.has_alpha
    assert sum(path.stat().st_size for path in HUSKY.iterdir()) < 400_000
    told = (HUSKY / "README.md").read_text()
    assert "CC0" in told and "Quaternius" in told and "quaternius-showcase" in told
    alpha = husky.frames[:][..., 3]
    covered = (alpha == 255).mean(axis=(1, 2))
    assert (covered > 0.15).all() and (covered < 0.3).all()
    assert not alpha[:, [0, -1]].any() and not alpha[:, :, [0, -1]].any(), "the whole toy is in the picture"
    assert ((alpha[0] > 127) != (alpha[8] > 127)).mean() > 0.01, "it walks"


def test_the_relief_of_the_husky_lies_on_its_clip_in_the_clips_colours(husky):
    made = relief_animation(husky, None, [float(frame) for frame in range(16)], 12_000, NOWHERE, (), Progress())
    assert made.provenance.fit.overlap > 0.92, made.provenance.fit.overlap
    assert isinstance(made.appearance, Coat)
    picture = cv2.imdecode(np.frombuffer(made.appearance.png, np.uint8), cv2.IMREAD_COLOR)
    dark = (picture.max(axis=2) < 90).mean()
    assert dark > 0.2, "a husky's back is dark"
