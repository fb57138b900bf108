"""The PLY file, read back by hand."""

import numpy as np
import pytest

from blender_addon.motion.ply import Corners, write_ply


def test_every_vertex_in_its_place(tmp_path):
    vertices = np.random.default_rng(0).normal(size=(70_000, 3))
    triangles = np.random.default_rng(1).integers(0, 70_000, (5, 3))
    path = tmp_path / "mesh.ply"
    write_ply(path, vertices, triangles)
    header, _, body = path.read_bytes().partition(b"end_header\n")
    assert b"format binary_little_endian 1.0\nelement vertex 70000\n" in header and b"element face 5\n" in header
    points, faces = body[: 70_000 * 12], body[70_000 * 12 :]
    assert np.array_equal(np.frombuffer(points, "<f4").reshape(-1, 3), vertices.astype(np.float32))
    rows = np.frombuffer(faces, [("count", "u1"), ("corners", "<i4", 3)])
    assert (rows["count"] == 3).all() and np.array_equal(rows["corners"], triangles)


def test_no_faces(tmp_path):
    write_ply(tmp_path / "points.ply", np.zeros((2, 3)), np.zeros((0, 3), int))
    assert (tmp_path / "points.ply").read_bytes().endswith(b"end_header\n" + bytes(24))


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OSError):
        write_ply(tmp_path / "no" / "mesh.ply", np.zeros((1, 3)), np.zeros((0, 3), int))


@pytest.mark.parametrize("with_uv", [True, False])
def test_faces_carry_their_polygon_and_the_uvs_of_their_corners(tmp_path, with_uv):
    polygon, uv = np.array([7, 7], np.int32), np.arange(12, dtype=np.float32).reshape(2, 3, 2) / 8
    triangles = np.array([(0, 1, 2), (0, 2, 3)])
    write_ply(tmp_path / "a.ply", np.zeros((4, 3)), triangles, Corners(polygon, uv if with_uv else None))
    header, _, body = (tmp_path / "a.ply").read_bytes().partition(b"end_header\n")
    lines = ["property list uchar int vertex_indices", "property int polygon"]
    kinds = [("count", "u1"), ("corners", "<i4", 3), ("polygon", "<i4")]
    if with_uv:
        lines.append("property list uchar float texcoord")
        kinds += [("numbers", "u1"), ("uv", "<f4", (3, 2))]
    assert header.decode().split("element face 2\n")[1].splitlines() == lines
    rows = np.frombuffer(body[48:], kinds)
    assert np.array_equal(rows["corners"], triangles) and rows["polygon"].tolist() == [7, 7]
    assert not with_uv or (np.array_equal(rows["uv"], uv) and (rows["numbers"] == 6).all())
