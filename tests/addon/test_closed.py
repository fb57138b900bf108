"""Which surfaces bound a volume."""

import numpy as np

from blender_addon.motion.closed import is_closed, place_of_vertices, volume

VERTICES = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)], float)
PYRAMID = np.array([(0, 2, 1), (0, 1, 3), (1, 2, 3), (0, 3, 2)])


def split(vertices, triangles):
    """Give every triangle separate corners, like a file with hard edges."""
    return vertices[triangles].reshape(-1, 3), np.arange(triangles.size).reshape(-1, 3)


def test_pyramid_is_closed_however_its_vertices_are_split():
    assert is_closed(VERTICES, PYRAMID) and is_closed(*split(VERTICES, PYRAMID))
    assert is_closed(1e4 * VERTICES + 3e4, PYRAMID)


def test_a_missing_or_turned_triangle_opens_it():
    assert not is_closed(VERTICES, PYRAMID[:3]) and not is_closed(*split(VERTICES, PYRAMID[:3]))
    turned = PYRAMID.copy()
    turned[0] = turned[0, ::-1]
    assert not is_closed(VERTICES, turned)
    assert not is_closed(VERTICES, np.zeros((2, 3), int))


def test_a_triangle_on_one_edge_changes_nothing():
    assert is_closed(VERTICES, np.concatenate([PYRAMID, [(0, 1, 1)]]))


def test_volume_has_the_sign_of_the_normals():
    assert np.isclose(volume(VERTICES, PYRAMID), 1 / 6) and np.isclose(volume(VERTICES + 9, PYRAMID[:, ::-1]), -1 / 6)


def test_places_are_counted_from_the_lowest_at_the_scale_of_the_longest_side():
    corner = np.array([(2e-6, 0, 0), (6e-6, 0, 0), (1, 0, 0)])
    assert place_of_vertices(corner).tolist() == [0, 0, 1]
    diagonal = np.array([(0, 0, 0), (100, 100, 100), (100, 100, 100.0004)])
    assert place_of_vertices(diagonal).tolist() == [0, 1, 1]
    with np.errstate(all="raise"):
        assert place_of_vertices(np.ones((2, 3))).tolist() == [0, 0]


def test_places_are_told_apart_at_a_hundred_thousandth_of_the_size():
    places = place_of_vertices(np.array([(0, 0, 0), (100, 0, 0), (0, 0, 1e-5), (0, 0, 0.01)], float))
    assert places[0] == places[2] and len(set(places.tolist())) == 3
