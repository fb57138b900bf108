"""Loose parts of a mesh, and pairs of them."""

import numpy as np

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
