"""Procedural creatures: exact distances, a surface tracked on the body, motion that loops and stays in the box."""

import numpy as np
import pytest
import torch

from actionmesh.toys import (
    TEMPLATES,
    BlendedBody,
    BodyBatch,
    ToySequence,
    make_sequence,
    queries,
    sample_tracked_points,
    signed_distance,
    stack_bodies,
    vertex_normals,
)
from actionmesh.toys.creatures import NAMES, template_of
from actionmesh.toys.motion import Clock, Wave, random_clock, rotation_of
from actionmesh.toys.rig import Rig, X, Y, Z
from actionmesh.toys.shapes import signed_distance_and_gradient

FRAMES = 6


@pytest.fixture(scope="module", params=sorted(NAMES))
def toy(request) -> ToySequence:
    return make_sequence(5, FRAMES, request.param)


def body_of(cones=(), ellipsoids=(), blend=1e-3) -> BlendedBody:
    """Make one frame of cones (start, end, first radius, second radius), ellipsoids (centre, rotation, half axes)."""
    rig = Rig(blend=blend)
    for start, end, first, second in cones:
        rig.cone(0, start, end, first, second, (1, 1, 1))
    for centre, turn, half_axes in ellipsoids:
        rig.ellipsoid(0, centre, half_axes, (1, 1, 1), turn)
    return rig.body(rig.rest())


def random_points(count: int, seed: int = 0) -> torch.Tensor:
    return 2 * torch.rand(count, 3, generator=torch.Generator().manual_seed(seed)) - 1


def brute_distance(points: torch.Tensor, surface: torch.Tensor) -> torch.Tensor:
    return torch.cdist(points, surface).amin(1)


def sphere_directions(count: int) -> torch.Tensor:
    """Return evenly spread unit vectors (count, 3), by a Fibonacci lattice."""
    height = 1 - 2 * (torch.arange(count) + 0.5) / count
    around = torch.pi * (1 + 5**0.5) * torch.arange(count)
    ring = (1 - height**2).sqrt()
    return torch.stack([ring * around.cos(), height, ring * around.sin()], dim=1)


def test_capsule_distance_is_that_of_its_segment():
    body = body_of([((0, -0.3, 0), (0, 0.4, 0), 0.2, 0.2)])
    points = random_points(500)
    on_segment = torch.zeros_like(points)
    on_segment[:, 1] = points[:, 1].clamp(-0.3, 0.4)
    expected = (points - on_segment).norm(dim=1) - 0.2
    torch.testing.assert_close(body.signed_distance(points, 0), expected, atol=1e-5, rtol=0)


def test_round_cone_is_the_union_of_the_spheres_along_its_axis():
    start, end, first, second = torch.tensor([0.1, -0.2, 0.0]), torch.tensor([-0.3, 0.4, 0.2]), 0.25, 0.08
    body = body_of([(start, end, first, second)])
    points, along = random_points(300), torch.linspace(0, 1, 4001)[:, None]
    spheres = torch.cdist(points, start + along * (end - start)) - (first + along.T * (second - first))
    torch.testing.assert_close(body.signed_distance(points, 0), spheres.amin(1), atol=1e-5, rtol=0)


def test_a_sphere_that_holds_the_other_is_all_of_the_cone():
    body = body_of([((0, 0, 0), (0, 0, 0.1), 0.5, 0.2)])
    points = random_points(200)
    torch.testing.assert_close(body.signed_distance(points, 0), points.norm(dim=1) - 0.5, atol=1e-4, rtol=0)


def test_ellipsoid_distance_is_that_of_the_nearest_surface_point():
    half_axes, turn = np.array([0.5, 0.2, 0.05]), rotation_of(X, 0.7)
    body = body_of(ellipsoids=[((0.1, 0, 0), turn, half_axes)])
    surface = sphere_directions(100_000) * torch.from_numpy(half_axes).float()
    surface = surface @ torch.from_numpy(turn).float().T + torch.tensor([0.1, 0, 0])
    points = random_points(200)
    distance = body.signed_distance(points, 0)
    torch.testing.assert_close(distance.abs(), brute_distance(points, surface), atol=2e-3, rtol=0)
    local = (points - torch.tensor([0.1, 0, 0])) @ torch.from_numpy(turn).float() / torch.from_numpy(half_axes).float()
    assert torch.equal(distance < 0, local.norm(dim=1) < 1)
    centre = body.signed_distance(torch.tensor([[0.1, 0.0, 0.0]]), 0)
    torch.testing.assert_close(centre, torch.tensor([-0.05]), atol=1e-3, rtol=0)


def test_box_distance_is_that_of_the_nearest_point_of_its_rounded_surface():
    half, turn, centre = np.array([0.5, 0.3, 0.2]), rotation_of(X, 0.7), np.array([0.1, 0, 0])
    rig = Rig(blend=1e-3)
    rig.box(0, centre, half, (1, 1, 1), turn)
    body, radius = rig.body(rig.rest()), 0.4 * half.min()
    points = random_points(300)
    distance = body.signed_distance(points, 0)
    local, inner = torch.from_numpy((points.numpy() - centre) @ turn).float(), torch.from_numpy(half - radius).float()
    to_inner_box = (local - local.clamp(-inner, inner)).norm(dim=1)
    rounded = to_inner_box > 0
    torch.testing.assert_close(distance[rounded], to_inner_box[rounded] - radius, atol=1e-5, rtol=0)
    flat = body.signed_distance(torch.tensor([[0.7, 0.0, 0.0], [0.1, 0.0, 0.0]]), 0)
    torch.testing.assert_close(flat, torch.tensor([0.1, -0.2]), atol=1e-5, rtol=0)
    within = (local.abs() < torch.from_numpy(half).float()).all(dim=1)
    assert within[distance < 0].all() and (distance[~within] > 0).all()


def test_a_box_keeps_its_axes_when_it_is_squashed():
    rig = Rig()
    rig.box(0, (0, 0, 0), (0.3, 0.3, 0.3), (1, 1, 1))
    rig.stretch = Wave(0.2)
    clock = Clock(np.array([0.0]), np.array([np.pi / 2]), 1.0, True)
    body = rig.body(rig.pose(clock))
    torch.testing.assert_close(body.rotations[0, 0].abs(), torch.eye(3))
    expected = 0.3 * torch.tensor([1.2**-0.5, 1.2, 1.2**-0.5])
    torch.testing.assert_close(body.half_axes[0, 0], expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", ["bird", "box"])
def test_gradient_is_that_of_the_distance_and_never_longer_than_one(name):
    batch = make_sequence(3, 2, name).body.batch()
    points = random_points(200)[None].expand(2, -1, -1).contiguous()
    value, gradient = signed_distance_and_gradient(batch, points)
    torch.testing.assert_close(value, signed_distance(batch, points))
    step = 1e-3
    shifts = [
        signed_distance(batch, points + step * axis) - signed_distance(batch, points - step * axis)
        for axis in torch.eye(3)
    ]
    numeric = torch.stack(shifts, dim=-1) / (2 * step)
    assert ((gradient - numeric).norm(dim=-1) < 0.02).float().mean() > 0.99
    assert gradient.norm(dim=-1).max() < 1.001


def test_blend_lies_below_the_hard_union_by_at_most_k_log_parts():
    parts = [((0, 0, 0), (0.5, 0, 0), 0.2, 0.1), ((0, 0, 0), (0, 0.5, 0), 0.2, 0.1)]
    points = random_points(300)
    hard = torch.stack([body_of([part]).signed_distance(points, 0) for part in parts]).amin(0)
    soft = body_of(parts, blend=0.03).signed_distance(points, 0)
    assert (soft <= hard + 1e-6).all() and (soft >= hard - 0.03 * np.log(2) - 1e-6).all()


def test_stacked_bodies_keep_their_distances_through_padding():
    toys = [make_sequence(1, 2, name) for name in ("fish", "octopus", "snake")]
    stacked, points = stack_bodies([toy.body for toy in toys]), random_points(100)
    assert isinstance(stacked, BodyBatch) and len(stacked) == 6
    together = signed_distance(stacked, points[None].expand(6, -1, -1))
    alone = torch.cat([toy.body.signed_distance(points[None].expand(2, -1, -1)) for toy in toys])
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=1e-5)
    chosen = torch.tensor([5, 0, 5])
    torch.testing.assert_close(signed_distance(stacked[chosen], points[None].expand(3, -1, -1)), together[chosen])


def test_a_seed_gives_the_same_toy_every_time():
    first, second, other = make_sequence(11, 3), make_sequence(11, 3), make_sequence(12, 3)
    assert first.template == second.template
    for name in ("vertices", "faces", "colours", "times"):
        assert np.array_equal(getattr(first, name), getattr(second, name))
    assert torch.equal(first.body.ends, second.body.ends)
    assert first.vertices.shape != other.vertices.shape or not np.array_equal(first.vertices, other.vertices)


def test_seeds_draw_every_template():
    drawn = {str(np.random.default_rng(seed).choice(list(TEMPLATES))) for seed in range(60)}
    assert drawn == set(TEMPLATES)


def test_shapes_types_and_bounds(toy):
    frames, count, _ = toy.vertices.shape
    assert frames == FRAMES == len(toy.times) and 2000 < count < 6000
    assert toy.vertices.dtype == np.float32 and toy.faces.dtype == np.int32
    assert toy.faces.min() == 0 and toy.faces.max() == count - 1
    assert toy.colours.shape == (count, 3) and toy.colours.min() >= 0 and toy.colours.max() <= 1
    assert np.abs(toy.vertices).max() < 1
    low, high = toy.vertices[0].min(0), toy.vertices[0].max(0)
    assert np.allclose(low + high, 0, atol=1e-5) and np.isclose((high - low).max(), 1.5, atol=1e-5)
    assert toy.times[0] == 0 and 0.7 <= toy.times[-1] <= 2 and (np.diff(toy.times) > 0).all()


def test_mesh_is_closed_and_faces_outwards(toy):
    edges = np.concatenate([toy.faces[:, [0, 1]], toy.faces[:, [1, 2]], toy.faces[:, [2, 0]]])
    assert len(np.unique(edges, axis=0)) == len(edges)
    assert {tuple(edge) for edge in edges} == {tuple(edge) for edge in edges[:, ::-1]}
    corners = toy.vertices[:, toy.faces].astype(float)
    volumes = np.einsum("tfx,tfx->t", corners[:, :, 0], np.cross(corners[:, :, 1], corners[:, :, 2])) / 6
    assert (volumes > 0.01).all()


def test_tracked_points_stay_on_the_body(toy):
    points, _ = sample_tracked_points(toy, 2000, seed=0)
    distance = toy.body.signed_distance(torch.from_numpy(points)).abs()
    assert distance.mean() < 0.003
    assert np.quantile(distance.numpy(), 0.99) < 0.02


def test_tracked_normals_are_unit_and_outward(toy):
    points, normals = sample_tracked_points(toy, 2000, seed=0)
    assert points.shape == normals.shape == (FRAMES, 2000, 3) and points.dtype == normals.dtype == np.float32
    assert np.allclose(np.linalg.norm(normals, axis=-1), 1, atol=1e-5)
    _, gradient = signed_distance_and_gradient(toy.body.batch(), torch.from_numpy(points))
    assert ((gradient.numpy() * normals).sum(-1) > 0.5).mean() > 0.97


def test_tracked_points_keep_their_place_on_the_mesh(toy):
    ours, _ = sample_tracked_points(toy, 50, seed=4)
    again, _ = sample_tracked_points(toy, 50, seed=4)
    others, _ = sample_tracked_points(toy, 50, seed=5)
    assert np.array_equal(ours, again) and not np.array_equal(ours, others)
    still = np.repeat(toy.vertices[:1], FRAMES, axis=0)
    frozen = ToySequence(**{**vars(toy), "vertices": still})
    fixed, _ = sample_tracked_points(frozen, 50, seed=4)
    assert np.allclose(fixed, ours[:1], atol=1e-6)


def test_joints_do_not_tear(toy):
    corners = toy.vertices[:, toy.faces]
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=2), axis=-1).max(axis=(1, 2))
    assert (longest < 0.25).all()


def test_the_motion_is_visible_over_several_seeds():
    moved = []
    for seed, name in enumerate(TEMPLATES):
        vertices = make_sequence(seed, 5, name).vertices
        moved.append(np.linalg.norm(vertices - vertices[:1], axis=-1).mean() / 1.5)
    assert 0.03 < np.mean(moved) < 0.15


def test_chimeras_differ_in_their_parts_and_most_of_them_move():
    chimeras = [make_sequence(seed, 3, "chimera") for seed in range(16)]
    parts = {toy.body.ends.shape[1] + toy.body.centres.shape[1] for toy in chimeras}
    moved = [np.linalg.norm(toy.vertices - toy.vertices[:1], axis=-1).mean() / 1.5 for toy in chimeras]
    assert len(parts) > 8 and np.mean(np.array(moved) > 0.02) > 0.6
    assert all(np.abs(toy.vertices).max() < 1 for toy in chimeras)


def test_loops_close_and_one_offs_do_not():
    rng = np.random.default_rng(0)
    clocks = [random_clock(rng, 12) for _ in range(40)]
    assert {clock.loops for clock in clocks} == {True, False}
    for clock in clocks:
        step = clock.phase[1] - clock.phase[0]
        turns = ((clock.phase[-1] + step - clock.phase[0]) / (2 * np.pi)) % 1
        assert np.isclose(min(turns, 1 - turns), 0, atol=1e-9) == clock.loops


def test_a_whole_period_brings_every_template_back():
    for name in NAMES:
        rig = template_of(name).grow(np.random.default_rng(2))
        phase = np.array([0.3, 0.3 + np.pi, 0.3 + 2 * np.pi])
        pose = rig.pose(Clock(np.arange(3.0), phase, 1.0, True))
        assert np.allclose(pose.linear[0], pose.linear[2]) and np.allclose(pose.offset[0], pose.offset[2]), name
        assert not np.allclose(pose.linear[0], pose.linear[1], atol=0.05), name


def test_a_swing_carries_the_joints_below_it():
    rig = Rig()
    upper, lower = rig.limb(0, [(0, 0, 0), (0, -1, 0), (0, -2, 0)], [0.1, 0.1, 0.1], [(1, 1, 1)] * 2)
    rig.swing(upper, X, 0, bias=90)
    rig.swing(lower, Z, 0, bias=90)
    clock = Clock(np.zeros(1), np.zeros(1), 1.0, False)
    ends = rig.body(rig.pose(clock)).ends[0]
    assert torch.allclose(ends[0, 1], torch.tensor([0.0, 0.0, -1.0]), atol=1e-6)
    assert torch.allclose(ends[1, 1], torch.tensor([1.0, 0.0, -1.0]), atol=1e-6)


def test_stretch_keeps_the_volume_of_a_part():
    rig = Rig(stretch=Wave(0.3))
    rig.ellipsoid(0, (0, 0, 0), (0.2, 0.3, 0.4), (1, 1, 1))
    rig.cone(0, (0, 0, 0), 0.5 * Y, 0.1, 0.1, (1, 1, 1))
    body = rig.body(rig.pose(Clock(np.zeros(1), np.array([np.pi / 2]), 1.0, False)))
    assert np.isclose(body.half_axes[0, 0].prod(), 0.2 * 0.3 * 0.4)
    assert np.isclose(body.ends[0, 0, 1, 1], 0.65) and np.isclose(body.radii[0, 0, 0], 0.1 / np.sqrt(1.3))


def test_queries_are_near_the_surface_and_in_the_box():
    toys = [make_sequence(2, 2, name) for name in ("quadruped", "flower")]
    batch = stack_bodies([toy.body for toy in toys])[torch.tensor([0, 2])]
    surface = torch.stack([torch.from_numpy(sample_tracked_points(toy, 300, 0)[0][0]) for toy in toys])
    points, distance = queries(batch, surface, 400, torch.Generator().manual_seed(0))
    assert points.shape == (2, 400, 3)
    torch.testing.assert_close(distance, signed_distance(batch, points))
    assert (distance[:, :240].abs() < 0.05).float().mean() > 0.6
    assert (distance[:, :240] < 0).float().mean(1).min() > 0.2
    assert points[:, 340:].abs().max() <= 1 and (distance[:, 340:] > 0.1).float().mean() > 0.5
    again, _ = queries(batch, surface, 400, torch.Generator().manual_seed(0))
    assert torch.equal(points, again)


def test_vertex_normals_of_a_tetrahedron_point_away_from_its_middle():
    vertices = np.array([[[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]], np.float32)
    faces = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]], np.int32)
    assert np.allclose(vertex_normals(vertices, faces), vertices / np.sqrt(3), atol=1e-6)
