"""Charts by xatlas, called directly: in another process no tracer or mutation would reach them."""

import numpy as np
import trimesh

from actionmesh.painting.charts import charted, packed


def box() -> tuple[np.ndarray, np.ndarray]:
    mesh = trimesh.creation.box((1.0, 2.0, 3.0))
    return np.array(mesh.vertices, np.float32), np.array(mesh.faces, np.int32)


def boxes_of(texels: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest texel (N, 2) of the corners (F, 3, 2) of each group of faces (F,)."""
    parts = [texels[groups == group].reshape(-1, 2) for group in np.unique(groups)]
    return np.stack([part.min(axis=0) for part in parts]), np.stack([part.max(axis=0) for part in parts])


def gap(low: np.ndarray, high: np.ndarray) -> float:
    """Return the least distance, along the axis on which it is larger, of any two boxes."""
    apart = np.maximum(low[:, None] - high[None], low[None] - high[:, None]).max(axis=-1)
    return float(apart[~np.eye(len(low), dtype=bool)].min())


def test_each_side_of_a_box_becomes_a_rectangle_with_a_margin():
    vertices, faces = box()
    corners, uv, size = charted(vertices, faces)
    assert corners.shape == (12, 3) and uv.min() >= 0 and uv.max() <= 1
    texels = (uv * size[::-1])[corners]
    edges = np.linalg.norm(texels - np.roll(texels, 1, axis=1), axis=-1)
    true = np.linalg.norm(vertices[faces] - vertices[np.roll(faces, 1, axis=1)], axis=-1)
    scale = edges / true
    np.testing.assert_allclose(scale, np.full((12, 3), scale.mean()), rtol=0.02)
    normals = np.cross(*np.diff(vertices[faces], axis=1).transpose(1, 0, 2))
    sides = np.unique(normals.round(3), axis=0, return_inverse=True)[1].ravel()
    low, high = boxes_of(texels, sides)
    assert len(low) == 6 and 8 <= gap(low, high) <= 10
    assert 0.9 * 1024 < size.max() < 1.1 * 1024


def test_a_ball_is_cut_into_few_charts():
    """Most of its 642 vertices lie inside a chart and stay one; were every face a chart, there would be 3840."""
    ball = trimesh.creation.icosphere(3)
    corners, uv, _ = charted(np.array(ball.vertices), np.array(ball.faces))
    assert len(ball.vertices) < len(uv) < 1.5 * len(ball.vertices) and corners.max() == len(uv) - 1


def test_charts_that_are_laid_out_again_keep_their_size_and_get_a_margin():
    """Two squares of 100 and 30 texels that lie far apart come together, and not too near."""
    square = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32)
    places = np.concatenate([100 * square, 30 * square + 5000]).astype(np.float32)
    faces = np.array([(0, 1, 2), (0, 2, 3), (4, 5, 6), (4, 6, 7)], np.uint32)
    corners, uv, size = packed(places, faces)
    texels = (uv * size[::-1])[corners]
    found = np.linalg.norm(texels - np.roll(texels, 1, axis=1), axis=-1)
    true = np.linalg.norm(places[faces] - places[np.roll(faces, 1, axis=1)], axis=-1)
    np.testing.assert_allclose(found, true, atol=0.01)
    assert 8 <= gap(*boxes_of(texels, np.array([0, 0, 1, 1]))) <= 10
    assert 100 <= size.min() <= size.max() < 200


def test_faces_without_an_area_get_a_picture_of_one_texel():
    vertices = np.array([(0, 0, 0), (1, 0, 0), (2, 0, 0)], np.float32)
    corners, uv, size = charted(vertices, np.array([(0, 1, 2)]))
    assert corners.shape == (1, 3) and np.isfinite(uv).all() and size.tolist() == [1, 1]
