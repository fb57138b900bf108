"""Measures against values calculated by hand."""

import numpy as np
import pytest

from actionmesh.evaluation.alignment import AlignmentSettings
from actionmesh.evaluation.measures import (
    chamfer_distance,
    distances,
    motion_chamfer,
    points_of_meshes,
    points_of_motion,
    vertex_error,
)
from actionmesh.geometry.mesh import Mesh
from actionmesh.matching.silhouette import overlap

from . import parity

QUICK = AlignmentSettings(points=150, steps=100, rate=0.03, starts=1)


def grid():
    return np.stack(np.meshgrid(*[np.arange(4.0)] * 3), -1).reshape(-1, 3)


def tetrahedron(shift=0.0):
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32) + np.float32(shift)
    return Mesh(vertices, np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32))


def test_chamfer_distance_adds_both_directions():
    assert chamfer_distance(grid(), grid()) == 0
    assert chamfer_distance(grid(), grid() + [0.1, 0, 0]) == pytest.approx(0.2)
    assert chamfer_distance(grid(), np.concatenate([grid(), [[0, 0, 13.0]]])) == pytest.approx(10 / 65)


def test_chamfer_distance_of_fewer_queries_is_that_of_the_first_points():
    far = np.concatenate([grid() + [0.1, 0, 0], [[0, 0, 13.0]]])
    assert chamfer_distance(grid(), far, queries=64) == pytest.approx(0.2) != chamfer_distance(grid(), far)


def test_overlap_is_intersection_over_union():
    first, second = np.array([1, 1, 1, 0, 0], bool), np.array([0, 1, 1, 1, 0], bool)
    assert overlap(first, second) == 0.5 and overlap(first, first) == 1
    assert overlap(first, np.zeros(5, bool)) == 0 == overlap(np.zeros(5, bool), np.zeros(5, bool))


def test_vertex_error_is_a_mean_distance():
    truth = np.zeros((2, 3, 3))
    assert vertex_error(truth + [3.0, 4.0, 0.0], truth) == 5
    assert vertex_error(truth[:1] + np.eye(3), truth) == 1


def test_distances_without_alignment_are_those_of_actionbench():
    data, _ = parity.read("actionbench_metrics")
    prediction, truth = data["in.pred"].numpy(), data["in.gt"].numpy()
    by_frame = data["out.chamfer_per_frame"].numpy()
    found = distances(prediction, truth, None)
    assert found.cd_3d == found.cd_4d == pytest.approx(by_frame.mean(), rel=1e-9)
    assert found.cd_m == pytest.approx(data["out.motion_chamfer"].item(), rel=1e-9)
    assert distances(prediction, truth, None, frames=[0, 2]).cd_4d == pytest.approx(by_frame[[0, 2]].mean(), rel=1e-9)


def test_alignment_is_by_frame_for_cd_3d_and_of_the_first_frame_for_the_others():
    truth = np.stack(
        [points_of_motion(tetrahedron().vertices[None], tetrahedron().faces, 300, 0).points[0]] * 2
    ).astype(float)
    drifting = truth + np.array([0.3, 0, 0]) * np.array([1, 2])[:, None, None]
    found = distances(drifting, truth, QUICK)
    assert found.cd_3d < 0.05
    assert found.cd_4d > 0.1, "the second frame is off by another 0.3"
    assert found.cd_m == pytest.approx(0.3, abs=0.03), "half the frames are off by 0.3, both directions added"
    assert distances(drifting, truth, QUICK, tracked=False).cd_m is None


def test_motion_chamfer_sees_a_surface_that_slides_along_itself():
    turning = np.stack([grid(), np.roll(grid(), 16, axis=0)])
    still = np.stack([grid(), grid()])
    assert chamfer_distance(turning[1], still[1]) == 0 < motion_chamfer(turning, still)


def test_points_are_followed_where_the_faces_stay():
    moved = points_of_meshes([tetrahedron(), tetrahedron(0.5)], 50, 0)
    assert moved.tracked
    np.testing.assert_allclose(moved.points[1] - moved.points[0], 0.5, atol=1e-6)


def test_points_are_drawn_anew_where_they_change():
    second = Mesh(tetrahedron(0.5).vertices, tetrahedron().faces[:3].copy())
    moved = points_of_meshes([tetrahedron(), second], 50, 0)
    assert not moved.tracked and moved.points.shape == (2, 50, 3)
    assert np.ptp(moved.points[1] - moved.points[0]) > 0.1
