"""Polygons are cut up into triangles that keep their order, their corners, their area and their side."""

import numpy as np
import pytest

from actionmesh.geometry.polygons import cut_up

SQUARE = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], float)
LETTER_L = np.array([(0, 0), (3, 0), (3, 1), (1, 1), (1, 4), (0, 4)], float)
"""Concave; a fan from its third corner would be flipped in part."""


def turns(count=12):
    rng = np.random.default_rng(0)
    for _ in range(count):
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        yield turn * np.sign(np.linalg.det(turn))


def test_polygons_keep_their_order_and_tell_their_corners():
    found = cut_up([[3, 0, 1], [0, 1], [], [0, 1, 2, 3], [2, 1, 0]], SQUARE)
    assert found.faces.tolist() == [[3, 0, 1], [0, 1, 2], [0, 2, 3], [2, 1, 0]]
    assert found.polygon.tolist() == [0, 3, 3, 4]
    assert found.corners.tolist() == [[0, 1, 2], [0, 1, 2], [0, 2, 3], [0, 1, 2]]
    alike = cut_up(np.array([(1, 2, 3, 0), (3, 2, 1, 0)]), SQUARE)
    assert alike.faces.tolist() == [[1, 2, 3], [1, 3, 0], [3, 2, 1], [3, 1, 0]]
    assert len(cut_up([], SQUARE).faces) == 0 and cut_up([[0, 1]], SQUARE).faces.shape == (0, 3)


@pytest.mark.parametrize("wrong", [4, -1, 99])
def test_a_vertex_that_does_not_exist_is_named(wrong):
    with pytest.raises(ValueError, match=f"a face refers to vertex {wrong}, counted from 0, of 4"):
        cut_up([[0, 1, 2], [0, wrong, 3]], SQUARE)
    assert len(cut_up([[0, 1, 3]], SQUARE).faces) == 1


@pytest.mark.parametrize("first", range(6))
@pytest.mark.parametrize("backwards", [False, True])
def test_a_concave_polygon_keeps_its_area_and_its_side_in_every_plane(first, backwards):
    corners = np.roll(np.arange(6), first)[:: -1 if backwards else 1]
    for turn in turns():
        points = np.pad(LETTER_L, ((0, 0), (0, 1))) @ turn.T + (5, -6, 70)
        side = turn[:, 2] * (-1 if backwards else 1)
        found = cut_up([corners.tolist()], points)
        a, b, c = (points[found.faces[:, corner]] for corner in range(3))
        areas = np.cross(b - a, c - a) @ side / 2
        assert len(areas) == 4 and areas.min() > 0.1 and areas.sum() == pytest.approx(6)
        assert np.array_equal(corners[found.corners], found.faces)


def test_a_polygon_may_be_slightly_bent():
    points = np.pad(LETTER_L, ((0, 0), (0, 1)))
    points[::2, 2] = 0.05
    found = cut_up([[2, 3, 4, 5, 0, 1]], points)
    a, b, c = (points[found.faces[:, corner]] for corner in range(3))
    assert np.cross(b - a, c - a)[:, 2].sum() / 2 == pytest.approx(6)


@pytest.mark.parametrize(
    "points",
    [
        [(0, 0, 0), (1, 0, 0), (2, 0, 0), (1, 0, 0)],
        [(0, 0, 0), (1, 1, 0), (1, 0, 0), (0, 1, 0)],
        [(0, 0, 0), (np.nan, 0, 0), (1, 1, 0), (0, 1, 0)],
        [(1, 1, 1)] * 4,
    ],
    ids=["line", "crossed", "not a number", "point"],
)
def test_what_has_no_inside_is_a_fan(points):
    assert cut_up([[0, 1, 2, 3]], np.array(points, float)).faces.tolist() == [[0, 1, 2], [0, 2, 3]]
