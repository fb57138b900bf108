"""Triangles by their corners: normals, edges, and connected parts."""

import numpy as np

from actionmesh.geometry.triangles import edges_of, face_normals, joined, joined_by, keys_of, summed_normals

SQUARE = np.array([(0, 0, 0), (2, 0, 0), (2, 2, 0), (0, 2, 0), (2, 0, 0)], float)
"""A square of 2 x 2; the last corner lies on the second."""
FACES = np.array([(0, 1, 2), (0, 2, 3)])


def test_normals_are_as_long_as_twice_the_area():
    assert face_normals(SQUARE[FACES]).tolist() == [[0, 0, 4], [0, 0, 4]]
    assert face_normals(SQUARE[FACES[:, ::-1]]).tolist() == [[0, 0, -4], [0, 0, -4]]


def test_normals_around_a_vertex_are_summed():
    assert summed_normals(SQUARE, FACES, FACES)[:, 2].tolist() == [8, 4, 8, 4, 0]
    apart = np.array([(0, 4, 2), (0, 2, 3)])
    assert summed_normals(SQUARE, apart, np.where(apart == 4, 1, apart))[:, 2].tolist() == [8, 4, 8, 4, 0]


def test_edges_have_the_same_number_in_both_directions():
    assert edges_of(FACES).tolist() == [[0, 1], [0, 2], [1, 2], [2, 3], [2, 0], [3, 0]]
    keys = keys_of(edges_of(FACES), 4)
    assert keys[1] == keys[4] and len(set(keys.tolist())) == 5


def test_what_is_joined_is_one_part():
    count, part = joined(np.array([(0, 1), (1, 4)]), 5)
    assert count == 3 and part[0] == part[1] == part[4] and len({part[0], part[2], part[3]}) == 3


def test_items_with_a_common_key_are_one_part():
    first, second, third, alone = joined_by(np.array([7, 7, 9, 9, 3]), np.array([0, 1, 1, 2, 3]), 4)
    assert first == second == third != alone
    assert joined_by(np.empty(0, int), np.empty(0, int), 2).tolist() == [0, 1]
