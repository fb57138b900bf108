"""The bundled clip shows a toy that the reader can cut out, and its mesh fits the first frame."""

import numpy as np

from actionmesh.geometry.mesh_files import load_mesh
from actionmesh.media.reader import read_clip
from actionmesh.media.subject import cut_out
from actionmesh.options import FrameChoice
from actionmesh.training.demo_clip import write_demo
from actionmesh.training.toys import make_sequence


def test_the_demo_is_a_readable_clip_and_a_mesh_of_its_first_frame(tmp_path):
    write_demo(tmp_path, seed=2007, template="fish", frames=4)
    clip = cut_out(read_clip(str(tmp_path / "clip.mp4"), FrameChoice()), None)
    toy = make_sequence(2007, 4, "fish")
    covered = (clip.frames[:][..., 3] > 128).mean(axis=(1, 2))
    assert clip.frames.shape == (4, 384, 384, 4) and (covered > 0.02).all() and (covered < 0.5).all()
    np.testing.assert_allclose(clip.times[-1], toy.times[-1], rtol=0.05)
    mesh = load_mesh(tmp_path / "mesh.glb")
    np.testing.assert_allclose(mesh.vertices, toy.vertices[0], atol=1e-6)
    np.testing.assert_array_equal(mesh.faces, toy.faces)
