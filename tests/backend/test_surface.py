"""Welding maps every vertex back, normalising is reversible, and samples are on the surface in every pose."""

import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial import cKDTree

from actionmesh.geometry.surface import (
    carry,
    farthest_points,
    farthest_points_batch,
    normalise,
    sample_surface,
    vertex_normals,
    weld,
)

TURN = trimesh.transformations.rotation_matrix(0.7, (1, 2, 3))[:3, :3]
clouds = arrays(np.float32, st.tuples(st.integers(2, 30), st.just(3)), elements=st.floats(-1e3, 1e3, width=32)).filter(
    lambda cloud: np.ptp(cloud, axis=0).max() > 1e-3
)


def ball() -> tuple[np.ndarray, np.ndarray]:
    mesh = trimesh.creation.icosphere(subdivisions=3)
    return np.array(mesh.vertices, np.float32), np.array(mesh.faces, np.int32)


def slab() -> tuple[np.ndarray, np.ndarray]:
    """Return two triangles of area 6 and 0.5, and one without area."""
    vertices = np.array([[0, 0, 0], [4, 0, 0], [0, 3, 0], [0, 0, 1], [0, 1, 1], [-1, 0, 1], [8, 0, 0]], np.float32)
    return vertices, np.array([[0, 1, 2], [3, 4, 5], [0, 1, 6]], np.int32)


@given(st.lists(st.integers(0, 9), min_size=2, max_size=40), st.floats(1e-3, 1e3), st.integers(0, 2**31))
def test_weld_merges_what_is_at_one_place(places, scale, seed):
    """Vertices are at ten places on a lattice, each off by less than half of 1e-6 of the size."""
    lattice = np.stack(np.unravel_index(np.arange(10), (3, 2, 2)), axis=1)
    places = np.array([0, 9, *places])
    away = np.random.default_rng(seed).uniform(-1e-7, 1e-7, (len(places), 3))
    vertices = ((lattice[places] + away) * scale).astype(np.float32)
    welded, index = weld(vertices)
    _, first = np.unique(places, return_index=True)
    np.testing.assert_array_equal(welded, vertices[np.sort(first)])
    np.testing.assert_array_equal(index[:, None] == index, places[:, None] == places)


@given(clouds)
def test_every_vertex_is_at_its_welded_place(vertices):
    welded, index = weld(np.concatenate([vertices, vertices[::-1]]))
    size = np.ptp(vertices, axis=0).max()
    assert np.abs(welded[index[: len(vertices)]] - vertices).max() <= 5e-6 * size * len(vertices)
    np.testing.assert_array_equal(index[: len(vertices)], index[len(vertices) :][::-1])
    assert set(index) == set(range(len(welded))) and welded.dtype == np.float32


@pytest.mark.parametrize(("gap", "merged"), [(0.0, True), (0.9e-6, True), (6e-6, False)])
def test_how_near_is_one_place(gap, merged):
    """Vertices are anywhere in the box, so also across the borders of welding cells."""
    base = np.random.default_rng(0).uniform(0, 1, (500, 3))
    ends = np.array([[0, 0, 0], [1, 1, 1]])
    moved = base + gap * np.array([1, 0, 0])
    _, index = weld(np.concatenate([ends, base, moved]).astype(np.float64))
    assert (index[2:502] == index[502:]).all() == merged
    assert (index[2:502] == index[502:]).any() == merged


def test_weld_closes_a_triangle_soup():
    vertices, faces = ball()
    welded, index = weld(vertices[faces].reshape(-1, 3))
    assert len(welded) == len(vertices)
    assert trimesh.Trimesh(welded, index.reshape(-1, 3), process=False).is_watertight


def test_a_stray_vertex_far_away_costs_neither_time_nor_memory():
    vertices = np.random.default_rng(0).uniform(0, 1, (20_000, 3)).astype(np.float32)
    vertices[-1] = 1e9
    welded, index = weld(vertices)
    assert index[-1] == len(welded) - 1 and len(welded) < 50


@given(clouds, st.floats(0.25, 2))
def test_normalise_fills_the_box_and_is_undone(vertices, extent):
    scaled, transform = normalise(vertices, extent)
    low, high = scaled.min(axis=0), scaled.max(axis=0)
    assert np.abs(scaled).max() == np.float32(extent)
    np.testing.assert_allclose(low, -high, atol=1e-6 * extent)
    size = np.ptp(vertices, axis=0).max()
    rounding = 2**-23 * (size + np.abs(vertices).max())
    np.testing.assert_allclose(transform.invert(scaled), vertices, rtol=0, atol=rounding)
    assert scaled.dtype == transform.invert(scaled).dtype == np.float32
    exact = transform.invert(transform.apply(vertices.astype(np.float64)))
    np.testing.assert_allclose(exact, vertices, rtol=0, atol=1e-12 * np.abs(vertices).max())


def test_normalise_transforms_any_number_of_poses():
    vertices, _ = ball()
    scaled, transform = normalise(vertices * 3 + 7)
    poses = np.stack([vertices, vertices * 3 + 7])
    np.testing.assert_array_equal(transform.apply(poses)[1], scaled)
    assert transform.invert(poses).shape == poses.shape


def test_normals_of_a_ball_point_outward():
    vertices, faces = ball()
    np.testing.assert_allclose(vertex_normals(vertices, faces), vertices, atol=0.02)
    np.testing.assert_allclose(vertex_normals(vertices * 1e-12, faces), vertices, atol=0.02)


def test_normals_are_weighted_by_the_angle_at_the_vertex():
    """Both faces have right angles at the origin, although one is larger; other angles are 45 and 30 degrees."""
    vertices = np.array([[0, 0, 0], [4, 0, 0], [0, 4, 0], [0, 0, 4 / np.sqrt(3)]], np.float32)
    normals = vertex_normals(vertices, np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    np.testing.assert_allclose(normals[0], np.array([1, 0, 1]) / np.sqrt(2), atol=1e-6)
    np.testing.assert_allclose(normals[2], np.array([30, 0, 45]) / np.hypot(30, 45), atol=1e-6)
    np.testing.assert_allclose(normals[3], [1, 0, 0], atol=1e-6)


def test_normals_do_not_depend_on_how_a_face_is_cut():
    """A cube's corner normal is along its diagonal, however many triangles its sides have there."""
    cube = trimesh.creation.box()
    for turned in (cube.faces, np.roll(cube.faces[:, ::-1], 1, axis=1)[:, ::-1]):
        normals = vertex_normals(np.array(cube.vertices, np.float32), np.array(turned, np.int32))
        np.testing.assert_allclose(normals, cube.vertices * 2 / np.sqrt(3), atol=1e-6)


def test_a_face_without_area_leaves_normals_alone():
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [2, 0, 0]], np.float32)
    normals = vertex_normals(vertices, np.array([[0, 1, 2], [0, 1, 3], [1, 1, 0]], np.int32))
    np.testing.assert_array_equal(normals[:3], np.tile(np.float32([0, 0, 1]), (3, 1)))


def test_vertices_without_a_surface_still_have_a_unit_normal():
    vertices, faces = ball()
    both_ways = np.concatenate([faces, faces[::-1, ::-1]])
    normals = vertex_normals((vertices @ TURN.T).astype(np.float32), both_ways)
    np.testing.assert_array_equal(normals, np.tile(np.float32([0, 1, 0]), (len(vertices), 1)))
    vertices, faces = slab()
    np.testing.assert_allclose(np.linalg.norm(vertex_normals(vertices, faces[:1]), axis=1), 1, atol=1e-6)


def test_samples_are_spread_by_area():
    vertices, faces = slab()
    samples = sample_surface(vertices, faces, 20_000, seed=1)
    share = np.bincount(samples.face_index, minlength=3) / 20_000
    np.testing.assert_allclose(share, [12 / 13, 1 / 13, 0], atol=0.01)
    large = samples.points[samples.face_index == 0]
    np.testing.assert_allclose(large.mean(axis=0), [4 / 3, 1, 0], atol=0.03)
    assert np.mean(large[:, 0] / 4 + large[:, 1] / 3 < 0.5) == pytest.approx(0.25, abs=0.02)
    np.testing.assert_allclose(
        samples.normals[samples.face_index == 1], [[0, 0, 1]] * len(samples.points[samples.face_index == 1])
    )


@given(st.integers(0, 2**32), st.integers(1, 50))
def test_samples_are_where_they_say(seed, count):
    vertices, faces = ball()
    points, normals, face_index, barycentric = sample_surface(vertices, faces, count, seed)
    assert points.shape == normals.shape == barycentric.shape == (count, 3)
    assert {array.dtype for array in (points, normals, barycentric)} == {np.dtype(np.float32)}
    np.testing.assert_allclose((vertices[faces[face_index]] * barycentric[..., None]).sum(axis=1), points, atol=1e-6)
    assert (barycentric >= 0).all()
    np.testing.assert_allclose(barycentric.sum(axis=1), 1, atol=1e-6)
    assert ((points * normals).sum(axis=1) > 0.98).all()
    np.testing.assert_array_equal(points, sample_surface(vertices, faces, count, seed).points)
    assert not np.array_equal(points, sample_surface(vertices, faces, count, seed + 1).points)


def test_samples_move_with_the_poses():
    vertices, faces = ball()
    samples = sample_surface(vertices, faces, 300, seed=0)
    poses = np.stack([vertices, vertices @ TURN.T + 2, vertices * 0]).astype(np.float32)
    points, normals = carry(samples.face_index, samples.barycentric, poses, faces)
    np.testing.assert_array_equal(points[0], samples.points)
    np.testing.assert_array_equal(normals[0], samples.normals)
    np.testing.assert_allclose(points[1], samples.points @ TURN.T + 2, atol=1e-5)
    np.testing.assert_allclose(normals[1], samples.normals @ TURN.T, atol=1e-5)
    np.testing.assert_array_equal(normals[2], np.tile(np.float32([0, 1, 0]), (300, 1)))


def slow_spread(points: np.ndarray, count: int) -> list[int]:
    chosen = [0]
    while len(chosen) < count:
        distances = np.linalg.norm(points[:, None] - points[chosen], axis=2).min(axis=1)
        chosen.append(int(distances.argmax()))
    return chosen


def test_farthest_points_are_those_of_the_definition():
    points = torch.randn(200, 3, generator=torch.Generator().manual_seed(3))
    subset = torch.randperm(200, generator=torch.Generator().manual_seed(5))[:80]
    expected = subset[slow_spread(points[subset].numpy(), 20)]
    assert torch.equal(farthest_points(points, 20, seed=5), expected)
    all_of_them = torch.randperm(200, generator=torch.Generator().manual_seed(5))
    expected = all_of_them[slow_spread(points[all_of_them].numpy(), 20)]
    assert torch.equal(farthest_points(points, 20, seed=5, candidates=1000), expected)


def test_farthest_points_spread_better_than_chance():
    points = torch.from_numpy(sample_surface(*ball(), 2000, seed=0).points)
    closest = [
        cKDTree(points[index]).query(points[index], k=2)[0][:, 1].min()
        for index in (farthest_points(points, 64, seed=0), torch.arange(64))
    ]
    assert closest[0] > 0.2 and closest[0] > 3 * closest[1]


@given(st.integers(1, 12), st.integers(0, 2**40))
def test_farthest_points_are_all_different(count, seed):
    """They differ even if points coincide."""
    points = torch.zeros(12, 3)
    points[5:] = 1.0
    index = farthest_points(points, count, seed)
    assert len(set(index.tolist())) == count
    assert torch.equal(index, farthest_points(points, count, seed))
    assert count == 1 or len(points[index].unique(dim=0)) == 2 or count * 4 < 12


def test_a_batch_is_what_its_rows_are_alone():
    points = torch.randn(3, 90, 3, generator=torch.Generator().manual_seed(0))
    batch = farthest_points_batch(points, 10, seed=4)
    for row, alone in zip(batch, points, strict=True):
        assert torch.equal(row, farthest_points(alone, 10, seed=4))
    assert not torch.equal(batch[0], batch[1])
    assert not torch.equal(batch, farthest_points_batch(points, 10, seed=5))
