"""Folds of a surface are found and smoothed away; the rest of the surface stays unchanged."""

from pathlib import Path

import numpy as np
import pytest
import trimesh

import actionmesh
from actionmesh.errors import Cancelled
from actionmesh.geometry.cleanup import parts
from actionmesh.geometry.folds import Hinges, unfold
from actionmesh.memory.model import open_model
from actionmesh.pipeline import animate
from actionmesh.protocol import Animate, FrameChoice, Shape

TOY = Path(actionmesh.__file__).parent / "checkpoints" / "toy"


def ball() -> tuple[np.ndarray, np.ndarray]:
    mesh = trimesh.creation.icosphere(subdivisions=4)
    return np.array(mesh.vertices, np.float32), np.array(mesh.faces, np.int32)


def dragged(vertices: np.ndarray, at: int) -> np.ndarray:
    """Drag one vertex along the surface past its neighbours, which are 0.08 away: this makes a pimple."""
    moved = vertices.copy()
    along = np.cross(vertices[at] - vertices.mean(axis=0), (0.3, 0.5, 0.8))
    moved[at] += 0.2 * along / np.linalg.norm(along)
    return moved


def angles(vertices, faces):
    """Return trimesh's angle at every edge of two faces, in radians."""
    return trimesh.Trimesh(vertices, faces, process=False).face_adjacency_angles


def test_a_fold_is_an_edge_at_which_the_surface_turns_by_more_than_a_right_angle():
    vertices, faces = ball()
    assert not len(Hinges(faces).folded(vertices))
    pushed = dragged(vertices, 7)
    assert len(Hinges(faces).folded(pushed)) == (angles(pushed, faces) > np.pi / 2).sum() > 0
    cube = trimesh.creation.box()
    assert not len(Hinges(cube.faces).folded(cube.vertices)), "a right angle is not a fold"


def test_edges_of_one_face_or_three_fold_against_nothing():
    fin = np.array([(0, 1, 2), (0, 1, 3), (0, 1, 4)])
    assert not len(Hinges(fin).folded(np.random.default_rng(0).normal(size=(5, 3))))


@pytest.mark.parametrize("faces", [[(0, 1, 2), (1, 0, 3)], [(1, 0, 3), (0, 1, 2)]])
def test_a_face_without_area_folds_against_its_neighbour(faces):
    vertices = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 0)], float)
    assert Hinges(np.array(faces)).folded(vertices).tolist() == [[0, 1]]


@pytest.mark.fault("Dark pimples on a generated mesh: edges folded back on themselves")
def test_folds_go_and_the_rest_stays_bit_for_bit():
    vertices, faces = ball()
    poses = np.stack([vertices, dragged(vertices, 7), dragged(vertices + 2, 900)])
    unfolded = unfold(poses, faces)
    for pose in unfolded:
        assert not (angles(pose, faces) > np.pi / 2).any()
    np.testing.assert_array_equal(unfolded[0], vertices)
    untouched = np.linalg.norm(vertices - vertices[7], axis=1) > 0.4
    np.testing.assert_array_equal(unfolded[1][untouched], vertices[untouched])
    assert np.abs(np.linalg.norm(unfolded[1], axis=1) - 1).max() < 0.05, "the pimple is gone"
    assert unfolded.dtype == np.float32


def test_a_fold_that_cannot_be_smoothed_is_left():
    """These are two sides of one sheet, which smoothing would collapse to a point."""
    faces = np.array([(0, 1, 2), (0, 2, 1)])
    poses = np.eye(3, dtype=np.float32)[None]
    np.testing.assert_array_equal(unfold(poses, faces), poses)


def test_unfolding_can_be_stopped():
    vertices, faces = ball()

    def stop():
        raise Cancelled

    with pytest.raises(Cancelled):
        unfold(vertices[None], faces, stop)


@pytest.mark.fault("Loose islands and folded edges on the mesh that the model makes of a clip, in every pose")
@pytest.mark.parametrize(("clip", "shape"), [("clip.mp4", Shape.NETWORK), ("husky", Shape.RELIEF)])
def test_what_is_made_of_the_demos_clips_has_no_pimples_and_no_islands(clip, shape):
    options = Animate(str(TOY / "demo" / clip), out=(), frames=FrameChoice(spread=4), preset="demo", shape=shape)
    made = animate(options, open_model(TOY))
    assert parts(made.faces).max() == 0
    folded = sum((angles(pose, made.faces) > np.pi / 2).sum() for pose in made.vertices)
    assert folded <= made.vertices.shape[0] * 1.5 * len(made.faces) / 10_000
