"""Reading the rest pose, and the file that the worker gets."""

import numpy as np
import pytest

from blender_addon.motion.axes import rotation
from blender_addon.scene.meshes import read_rest_pose, save_rest_pose

from .scenes import evaluated, patchwork


def test_all_vertices_in_order_and_faces_as_triangles():
    target = patchwork()
    pose = read_rest_pose(target)
    assert pose.vertices.dtype == np.float32 and np.array_equal(
        pose.vertices, [vertex.co[:] for vertex in target.data.vertices]
    )
    assert pose.triangles.dtype == np.int32 and len(pose.triangles) == 2 + 1 + 3
    assert {frozenset(face.vertices) for face in target.data.polygons} == {
        frozenset(pose.triangles[:2].ravel().tolist()),
        frozenset(pose.triangles[2].tolist()),
        frozenset(pose.triangles[3:].ravel().tolist()),
    }
    assert pose.size == pytest.approx(6)


def test_the_rest_pose_is_the_basis_before_modifiers():
    target = patchwork()
    basis = read_rest_pose(target).vertices
    target.shape_key_add(name="Basis")
    smile = target.shape_key_add(name="Smile")
    smile.points[0].co.z, smile.value = 3, 1
    target.active_shape_key_index = 1
    target.modifiers.new("Wave", "DISPLACE").strength = 2
    assert not np.allclose(evaluated(target), basis, atol=0.5)
    assert np.array_equal(read_rest_pose(target).vertices, basis)


@pytest.mark.parametrize("facing", ["NEG_Y", "POS_X", "NEG_Z"])
def test_the_file_is_in_model_space(tmp_path, facing):
    target, path = patchwork(), tmp_path / "zïel.ply"
    target.location, target.scale = (1, 2, 3), (2, 2, 2)
    pose = save_rest_pose(target, facing, path)
    body = path.read_bytes().partition(b"end_header\n")[2]
    stored = np.frombuffer(body, "<f4", count=27).reshape(9, 3)
    assert np.array_equal(stored, (pose.vertices @ rotation(facing).T).astype(np.float32))
