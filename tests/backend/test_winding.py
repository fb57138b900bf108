"""Winding numbers tell inside from outside, also where a mesh has gaps or parts that overlap."""

import numpy as np
import pytest
import trimesh

from actionmesh.geometry import winding
from actionmesh.geometry.winding import winding_numbers

PLACES = np.array([[0, 0, 0], [0.3, 0.2, -0.4], [1.5, 0, 0], [0, -3, 2]], np.float32)
"""Two places inside the unit ball, and two outside."""


@pytest.fixture(scope="module")
def ball():
    return trimesh.creation.icosphere(subdivisions=3, radius=1.0)


def test_a_closed_mesh_winds_once_around_what_it_holds(ball, monkeypatch):
    monkeypatch.setattr(winding, "BATCH", 2 * len(ball.faces))
    np.testing.assert_allclose(winding_numbers(ball.vertices, ball.faces, PLACES), [1, 1, 0, 0], atol=1e-9)
    np.testing.assert_allclose(winding_numbers(ball.vertices, ball.faces[:, ::-1], PLACES), [-1, -1, 0, 0], atol=1e-9)


def test_a_gap_changes_little_and_overlapping_parts_count_twice(ball):
    gap = ball.faces[np.linalg.norm(ball.triangles_center - [0, 0, 1], axis=1) > 0.3]
    assert len(gap) < len(ball.faces) - 10
    found = winding_numbers(ball.vertices, gap, PLACES)
    assert (found[:2] > 0.9).all() and (np.abs(found[2:]) < 0.1).all()
    two = trimesh.util.concatenate([ball, ball.copy().apply_translation([0.5, 0, 0])])
    np.testing.assert_allclose(winding_numbers(two.vertices, two.faces, PLACES[:1]), [2], atol=1e-9)


def test_no_points_are_no_numbers(ball):
    assert winding_numbers(ball.vertices, ball.faces, np.zeros((0, 3))).shape == (0,)
