"""Which triangles a glTF shows: lists, strips and fans, and the sides of mirrored nodes."""

import numpy as np
import pytest

from actionmesh.geometry.gltf_scene import triangles_of
from actionmesh.geometry.mesh_files import load_mesh
from tests.backend.gltf_files import Builder


@pytest.mark.parametrize(
    ("mode", "triangles"),
    [
        (4, [[0, 1, 2], [3, 4, 5]]),
        (5, [[0, 1, 2], [3, 2, 1], [2, 3, 4], [5, 4, 3]]),
        (6, [[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 4, 5]]),
    ],
    ids=["list", "strip", "fan"],
)
def test_corners_make_triangles_of_one_side(mode, triangles):
    assert triangles_of({"mode": mode}, {}.get, 6).tolist() == triangles
    indices = {7: np.arange(6, dtype=np.uint16)[::-1, None]}
    found = triangles_of({"mode": mode, "indices": 7}, indices.get, 6)
    assert found.tolist() == (5 - np.array(triangles)).tolist() and found.dtype == np.int64


def test_triangles_are_a_list_unless_told_otherwise():
    assert triangles_of({}, {}.get, 3).tolist() == [[0, 1, 2]] and len(triangles_of({}, {}.get, 0)) == 0


@pytest.mark.parametrize(
    "indices", [np.zeros((3, 1), np.int16), np.zeros((3, 1), np.float32), np.zeros((3, 2), np.uint8)]
)
def test_indices_are_unsigned_whole_numbers(indices):
    with pytest.raises(ValueError, match="not unsigned whole numbers"):
        triangles_of({"indices": 0}, {0: indices}.get, 3)


def test_a_vertex_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="a face refers to vertex 3 of 3"):
        triangles_of({"indices": 0}, {0: np.array([[0], [1], [3]], np.uint8)}.get, 3)


@pytest.mark.parametrize(("scale", "side"), [((1, 1, 1), 1), ((-1, 1, 1), -1), ((-1, -1, 1), 1), ((-1, -1, -1), -1)])
def test_faces_of_a_mirrored_node_keep_their_side(tmp_path, scale, side):
    """A mirrored triangle's corners are in reverse order, so that it still faces outward."""
    builder = Builder()
    vertices = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0)], np.float32)
    primitive = builder.primitive(vertices, np.array([(0, 1, 2)]))
    builder.json |= {
        "meshes": [{"primitives": [primitive]}],
        "nodes": [{"mesh": 0, "scale": list(scale)}],
        "scenes": [{"nodes": [0]}],
    }
    mesh = load_mesh(builder.save(tmp_path / "a.glb"))
    assert mesh.faces.tolist() == [[0, 1, 2] if side > 0 else [2, 1, 0]]
    np.testing.assert_array_equal(mesh.vertices, vertices * np.float32(scale))
