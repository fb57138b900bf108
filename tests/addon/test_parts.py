"""Loose parts of a mesh, and pairs of them."""

import numpy as np
import pytest

from blender_addon.motion.parts import loose_parts, paired_parts

from .test_whole_mesh import split_cube


def scene(*cubes):
    """Return cubes, each (centre, side), as one mesh."""
    corners, triangles = split_cube()
    vertices = np.concatenate([(corners - 0.5) * side + middle for middle, side in cubes])
    return vertices, np.concatenate([triangles + len(corners) * index for index in range(len(cubes))])


def test_parts_are_what_triangles_connect_across_seams():
    vertices, triangles = scene(((0, 0, 0), 1), ((5, 0, 0), 2))
    parts = loose_parts(vertices, triangles)
    assert sorted(len(part) for part in parts) == [24, 24]
    assert {round(float(part[:, 0].mean())) for part in parts} == {0, 5}


def test_a_pair_is_found_by_its_mirror_image():
    """There are eyes on a head, a tail in the middle, and a part whose partner has another size."""
    body, eye = ((0, 0, 0), 4), 0.3
    vertices, triangles = scene(
        body, ((1, -2, 1), eye), ((-1, -2, 1), eye), ((0, 2, 0), eye), ((1, 0, 2), eye), ((-1, 0, 2), 0.6)
    )
    pairs = paired_parts(loose_parts(vertices, triangles), np.array([1.0, 0, 0]), 4.0)
    assert np.allclose(pairs, [(0, -2, 1)])
    assert len(paired_parts(loose_parts(vertices, triangles), np.array([0, 1.0, 0]), 4.0)) == 0


def pairs_of(*cubes):
    """Return the pairs along X among cubes on a body of side 4, all of them far from the origin."""
    vertices, triangles = scene(((10, 0, 0), 4), *(((x + 10, y, z), side) for (x, y, z), side in cubes))
    return paired_parts(loose_parts(vertices, triangles), np.array([1.0, 0, 0]), 4.0) - (10, 0, 0)


def test_parts_are_small_up_to_a_quarter_of_the_whole():
    assert np.allclose(pairs_of(((1, 0, 1), 0.95), ((-1, 0, 1), 0.95)), [(0, 0, 1)])
    assert len(pairs_of(((1, 0, 1), 1.05), ((-1, 0, 1), 1.05))) == 0


@pytest.mark.parametrize(("off", "found"), [((0, 0.07, 0), 1), ((0, 0, 0.09), 0), ((0.07, 0, 0), 1), ((0, 0.09, 0), 0)])
def test_partners_lie_within_a_fiftieth_of_their_mirrored_places(off, found):
    assert len(pairs_of(((1, -1, 1), 0.3), (np.add((-1, -1, 1), off), 0.3))) == found


@pytest.mark.parametrize(("side", "found"), [(0.35, 1), (0.37, 0), (0.25, 1), (0.23, 0)])
def test_partners_differ_by_up_to_a_fifth_of_their_size(side, found):
    assert len(pairs_of(((1, -1, 1), 0.3), ((-1, -1, 1), side))) == found


def test_parts_near_the_middle_and_single_triangles_are_no_pairs():
    assert len(pairs_of(((0.07, -1, 1), 0.3), ((-0.07, -1, 1), 0.3))) == 0
    assert len(pairs_of(((0.2, -1, 1), 0.1), ((-0.2, -1, 1), 0.1))) == 1
    body, faces = scene(((0, 0, 0), 4))
    corner = np.array([(1, 0, 0), (1.1, 0.1, 0), (1, 0, 0.1)])
    vertices = np.concatenate([body, corner, corner * (-1, 1, 1)])
    triangles = np.concatenate([faces, [(24, 25, 26), (27, 28, 29)]])
    assert len(paired_parts(loose_parts(vertices, triangles), np.array([1.0, 0, 0]), 4.0)) == 0
