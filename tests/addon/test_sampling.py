"""Points spread over triangles and carried along, and vertices chosen with their normals."""

import numpy as np
import pytest

from blender_addon.motion.sampling import carry, sample_triangles, some_vertices

SQUARE = np.array([(0, 0, 0), (4, 0, 0), (4, 1, 0), (0, 1, 0), (9, 9, 9)], float)
"""Four by one, and a vertex of no triangle."""
HALVES = np.array([(0, 1, 2), (0, 2, 3), (0, 0, 3)])
"""The square's, and one without area."""


def rng():
    return np.random.default_rng(0)


def test_points_are_even_by_area_and_inside():
    places = sample_triangles(SQUARE, HALVES, 20_000, rng())
    points = carry(places, SQUARE[None])[0][0]
    assert (points[:, 2] == 0).all() and points.min() >= 0 and (points[:, 0] <= 4).all() and (points[:, 1] <= 1).all()
    counts, _, _ = np.histogram2d(points[:, 0], points[:, 1], bins=(4, 2), range=((0, 4), (0, 1)))
    assert np.abs(counts / 2500 - 1).max() < 0.08
    assert not (places.corners == (0, 0, 3)).all(axis=1).any()


def test_a_large_triangle_has_its_share_of_points():
    vertices = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (5, 0, 0), (8, 0, 0), (5, 3, 0)], float)
    places = sample_triangles(vertices, np.array([(0, 1, 2), (3, 4, 5)]), 10_000, rng())
    assert (places.corners[:, 0] == 3).mean() == pytest.approx(0.9, abs=0.01)


def test_points_keep_their_place_on_every_pose():
    turn = np.array([(0, -1, 0), (1, 0, 0), (0, 0, 1)], float)
    poses = np.stack(
        [SQUARE, SQUARE @ turn.T + (5, 6, 7), SQUARE @ np.array([(1, 0, 0), (0, 0, -1), (0, 1, 0)], float).T]
    )
    points, normals = carry(sample_triangles(SQUARE, HALVES, 50, rng()), poses)
    assert points.dtype == normals.dtype == np.float32
    assert np.allclose(points[1], points[0] @ turn.T + (5, 6, 7), atol=1e-5)
    assert (
        np.allclose(normals[0], (0, 0, 1))
        and np.allclose(normals[1], (0, 0, 1))
        and np.allclose(normals[2], (0, -1, 0))
    )


def test_flattened_triangles_have_a_normal_and_none_at_all_are_named():
    flat = SQUARE * (1, 0, 0)
    with np.errstate(all="raise"):
        assert (carry(sample_triangles(SQUARE, HALVES, 5, rng()), flat[None])[1] == (0, 1, 0)).all()
    with pytest.raises(ValueError, match="None of 3 triangles"):
        sample_triangles(flat, HALVES, 5, rng())


def test_vertices_at_a_seam_are_one_place_with_one_normal():
    roof = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 1), (0, 1, 1), (0, 1, 1), (1, 1, 1), (1, 2, 0), (0, 2, 0)], float)
    triangles = np.array([(0, 1, 2), (0, 2, 3), (4, 5, 6), (4, 6, 7)])
    vertices, normals = some_vertices(np.stack([roof, roof + 1]), triangles, 6, rng())
    assert len(np.unique(vertices[0], axis=0)) == 6 and np.allclose(vertices[1], vertices[0] + 1)
    ridge = vertices[0, :, 2] == 1
    assert (
        ridge.sum() == 2 and np.allclose(normals[:, ridge], (0, 0, 1), atol=0.4) and (normals[:, ridge, 2] > 0.9).all()
    )
    assert np.allclose(np.linalg.norm(normals, axis=-1), 1, atol=1e-6)
    more, _ = some_vertices(roof[None], triangles, 20, rng())
    assert more.shape == (1, 20, 3) and len(np.unique(more[0], axis=0)) == 6


def test_normals_have_length_1_however_small_the_triangles():
    small = SQUARE * 0.01
    assert np.allclose(carry(sample_triangles(small, HALVES, 5, rng()), small[None])[1], (0, 0, 1))
    assert np.allclose(some_vertices(small[None, :4], HALVES, 4, rng())[1], (0, 0, 1))


def test_places_are_those_of_the_first_pose_and_one_without_triangles_has_a_normal():
    vertices, normals = some_vertices(np.stack([SQUARE, SQUARE * 0]), HALVES, 5, rng())
    assert len(np.unique(vertices[0], axis=0)) == 5 and not vertices[1].any()
    loose = (vertices[0] == 9).all(axis=1)
    assert loose.sum() == 1 and np.allclose(normals[0, loose], (0, 1, 0)) and np.allclose(normals[0, ~loose], (0, 0, 1))
