"""The whole mesh with one vertex per place: seams close, and parts that meet only at times stay apart."""

import numpy as np

from blender_addon.motion.closed import is_closed
from blender_addon.motion.whole_mesh import whole_mesh

CORNERS = np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
SQUARES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]


def split_cube():
    """Return a cube as files with flat normals store it: four vertices per side, and one triangle without area."""
    vertices = np.concatenate([CORNERS[list(square)] for square in SQUARES])
    triangles = [
        corners for side in range(6) for corners in ((0, 1, 2), (0, 2, 3)) for corners in [np.add(corners, 4 * side)]
    ]
    return vertices, np.array([*triangles, (0, 0, 1)])


def test_seams_are_closed_and_triangles_keep_their_corners():
    vertices, triangles = split_cube()
    poses = np.stack([vertices, vertices * (1, 2, 3) + (0, 0, 5)])
    welded, faces = whole_mesh(poses, triangles)
    assert (
        welded.shape == (2, 8, 3) and welded.dtype == np.float32 and faces.shape == (12, 3) and faces.dtype == np.int32
    )
    assert np.allclose(welded[:, faces], poses[:, triangles[:-1]])
    assert is_closed(welded[0], faces) and np.array_equal(welded[0, 0], vertices[0])


def test_what_parts_later_stays_apart():
    """Two triangles touch at an edge in the first frame only."""
    first = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0)], float)
    later = first + np.repeat([(0, 0, 0), (0, 0, 1)], 3, axis=0)
    triangles = np.array([(0, 1, 2), (3, 5, 4)])
    welded, faces = whole_mesh(np.stack([first, later]), triangles)
    assert welded.shape == (2, 6, 3) and np.array_equal(welded[1, faces], later[triangles].astype(np.float32))
    assert whole_mesh(np.stack([later, first]), triangles)[0].shape == (2, 6, 3)
    assert whole_mesh(np.stack([first, first, later]), triangles)[0].shape == (3, 6, 3)
    assert whole_mesh(np.stack([first, first]), triangles)[0].shape == (2, 4, 3)
