"""The alignment reverses the transform of a shape."""

import numpy as np
import pytest
import torch
import trimesh
from scipy.spatial.transform import Rotation

from actionmesh.evaluation import alignment
from actionmesh.evaluation.alignment import AlignmentSettings, Neighbours, Pruning, align, rotation_from_six
from actionmesh.evaluation.measures import chamfer_distance
from actionmesh.geometry.surface import sample_surface
from actionmesh.toys import make_sequence

PRUNED = AlignmentSettings(points=400, steps=120, rate=0.02, pruning=Pruning(points=150, steps=20, keep=3))


def toy_surface(template):
    toy = make_sequence(5, 1, template)
    return sample_surface(toy.vertices[0], toy.faces, 3000, 0).points.astype(float)


def annulus_surface():
    mesh = trimesh.creation.annulus(0.3, 0.6, 0.5)
    return sample_surface(mesh.vertices.astype(np.float32), mesh.faces, 3000, 0).points.astype(float)


@pytest.mark.parametrize("number, shape", [(0, "quadruped"), (1, "bird"), (2, "annulus")])
def test_turned_stretched_and_shifted_shapes_come_back(number, shape):
    truth = annulus_surface() if shape == "annulus" else toy_surface(shape)
    rng = np.random.default_rng(number)
    turn, scale, shift = (
        Rotation.random(random_state=number).as_matrix(),
        rng.uniform(0.75, 1.3, 3),
        rng.uniform(-0.3, 0.3, 3),
    )
    distorted = ((truth - shift) @ turn) / scale
    assert chamfer_distance(distorted, truth) > 0.15
    placed = align(rng.permutation(distorted), truth, PRUNED).apply(distorted)
    spacing = 0.05 if shape == "annulus" else 0.03  # an annulus may rotate onto itself
    assert chamfer_distance(placed, truth) < spacing


def test_every_start_is_followed_without_pruning():
    truth = toy_surface("quadruped")[:100]
    quarter = truth @ Rotation.from_euler("y", 90, degrees=True).as_matrix()
    everything, first = (align(quarter, truth, AlignmentSettings(100, 5, starts=starts)) for starts in (24, 1))
    assert everything.loss < 0.2 * first.loss
    np.testing.assert_allclose(everything.rotation @ everything.rotation.T, np.eye(3), atol=1e-6)


def test_the_answer_is_the_same_on_every_call():
    truth = toy_surface("bird")
    first, second = (align(truth[:300] * 1.1, truth, AlignmentSettings(100, 5, starts=3)) for _ in range(2))
    np.testing.assert_array_equal(first.rotation, second.rotation)
    assert first.loss == second.loss


def test_trees_and_all_distances_find_the_same(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    clouds, target = torch.rand(3, 40, 3, generator=generator), torch.rand(50, 3, generator=generator)
    direct = Neighbours(target).mutual(clouds)
    monkeypatch.setattr(alignment, "SMALL", 0)
    by_tree = Neighbours(target).mutual(clouds)
    for one, other in zip(direct, by_tree, strict=True):
        torch.testing.assert_close(one, other)
    assert direct[0].shape == (3, 40) and direct[1].shape == (3, 50)


def test_six_numbers_become_a_rotation():
    six = torch.randn(7, 3, 2, generator=torch.Generator().manual_seed(1))
    rotation = rotation_from_six(six)
    torch.testing.assert_close(rotation @ rotation.mT, torch.eye(3).expand(7, 3, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(7))


@pytest.mark.parametrize(
    "values", [{"starts": 25}, {"points": 0}, {"rate": 0.0}, {"starts": 2, "pruning": Pruning(keep=3)}]
)
def test_senseless_settings_are_refused(values):
    with pytest.raises(ValueError):
        AlignmentSettings(**values)
