"""How a subject stands before the camera: long bodies across it, others facing it, from shape and motion alone."""

import numpy as np
import pytest

from blender_addon.motion.front import Standing, _evidence, _stepping, aligned, is_like, sides, stand
from blender_addon.motion.sampling import carry, sample_triangles

from .test_parts import scene
from .test_symmetry import about_z

DOG = [((0, 0, 1), 0.6), ((0, 0.55, 1), 0.6), ((0, -0.55, 1), 0.6), ((0, -1.1, 1.5), 0.4)]
DOG += [((x, y, 0.4), 0.15) for x in (-0.2, 0.2) for y in (-0.6, 0.6)]
"""Cubes along Y with a head at -Y, and four legs."""
MAN = [((0, 0, 2), 0.5), ((0, 0, 1.5), 0.5), ((0, 0, 1.0), 0.5), ((0, 0, 2.6), 0.4)]
MAN += [part for x in (-0.2, 0.2) for part in (((x, 0, 0.5), 0.2), ((x, -0.15, 0.1), 0.2), ((x / 2, -0.25, 2.7), 0.1))]
MAN += [((x, 0, 1.6), 0.25) for x in (-0.6, 0.6)]
"""Cubes upright, with arms, and with toes and eyes towards -Y."""


def posed(cubes, degrees=0.0, poses=3):
    """Return vertices, triangles, points and a clip in which everything bobs a little, turned about +Z."""
    vertices, triangles = scene(*cubes)
    vertices = vertices @ about_z(degrees).T
    rng = np.random.default_rng(0)
    chosen, weights = triangles[rng.integers(len(triangles) - 1, size=500)], rng.dirichlet((1, 1, 1), 500)
    points = np.einsum("pcx,pc->px", vertices[chosen], weights)
    return vertices, triangles, points, [points + np.linspace((0, 0, 0), (0, 0, 0.1), poses)[:, None]]


def seen_from(cubes, degrees):
    """Return where the camera stands in the world, and what the world's up becomes."""
    vertices, triangles, points, clips = posed(cubes, degrees)
    turn = stand(vertices, triangles, points, clips).turn(clips[0])
    assert np.allclose(turn @ turn.T, np.eye(3)) and np.linalg.det(turn) == pytest.approx(1)
    assert np.allclose(turn @ (0, 0, 1), (0, 1, 0))
    return turn[2], turn[0]


@pytest.mark.parametrize("degrees", [0, 90, 180, 45])
def test_a_long_body_is_seen_from_its_side(degrees):
    towards, right = seen_from(DOG, degrees)
    along = about_z(degrees) @ (0, -1, 0)
    assert abs(towards @ along) < 0.1 and abs(right @ along) > 0.99


def test_its_head_is_to_the_right():
    assert np.allclose(seen_from(DOG, 0)[1], (0, -1, 0))


@pytest.mark.parametrize("degrees", [0, 90, -90, 50])
def test_an_upright_body_is_seen_from_where_eyes_and_toes_point(degrees):
    towards, _ = seen_from(MAN, degrees)
    assert towards @ (about_z(degrees) @ (0, -1, 0)) > 0.99


def test_the_documented_front_stays_where_little_speaks_against_it():
    """Toes alone point backwards: a heel, a hoof, a paw on its edge."""
    heels = [part for part in MAN if part[0][1] > -0.2 and part[1] != 0.1]
    heels = [((x, -y, z), side) for (x, y, z), side in heels]
    assert np.allclose(seen_from(heels, 0)[0], (0, -1, 0))


def test_small_turns_are_not_followed():
    """A step or a lean is not where a character looks."""
    assert np.allclose(seen_from(MAN, 15)[0], (0, -1, 0))


def test_a_pose_that_is_twisted_does_not_turn_the_camera_but_a_motion_that_begins_turned_does():
    vertices, triangles, points, clips = posed(MAN)
    clips = [clips[0], clips[0], clips[0] @ about_z(40).T, clips[0] @ about_z(90).T]
    standing = stand(vertices, triangles, points, clips)
    assert np.allclose(standing.turn(clips[2])[2], (0, -1, 0))
    assert np.allclose(standing.turn(clips[3])[2], (1, 0, 0))


def test_who_lies_all_the_time_is_seen_from_the_side():
    """The subject crawls on its belly, head first."""
    vertices, triangles, points, clips = posed(MAN)
    prone = np.array([(1, 0, 0), (0, 0, -1), (0, 1, 0)])
    crawl = clips[0] @ prone.T
    standing = stand(vertices, triangles, points, [clips[0], clips[0], crawl])
    assert not standing.long and standing.lies(crawl)
    assert abs(standing.turn(crawl)[2] @ (0, -1, 0)) < 0.1 and np.allclose(standing.turn(clips[0])[2], (0, -1, 0))
    falls = np.concatenate([clips[0], crawl])
    assert not standing.lies(falls)


def test_alignment_is_the_rotation():
    points = np.random.default_rng(0).normal(size=(60, 3))
    turn = about_z(70) @ np.array([(1, 0, 0), (0, 0, -1), (0, 1, 0)])
    assert np.allclose(aligned(points, points @ turn.T + (3, 4, 5)), turn)


def test_a_rest_pose_that_is_rubble_is_known():
    points = np.random.default_rng(0).normal(size=(60, 3))
    assert is_like(points, 40 * points @ about_z(70).T + 9)
    assert not is_like(points, np.random.default_rng(1).permutation(points))


def test_a_subject_without_any_left_has_an_ahead():
    """The motion turns the rest pose onto its side, so that its left points up."""
    points = np.random.default_rng(0).normal(size=(60, 3))
    standing = Standing(points, np.array([1.0, 0, 0]), np.array([0, -1.0, 0]), False)
    turned = points @ np.array([(0, 0, -1), (0, 1, 0), (1, 0, 0)]).T
    assert np.isfinite(standing.turn(turned[None])).all()


def box(length, width, height):
    """Return 101 points whose length along -Y, width and height between the percentiles 1 and 99 are given."""
    rng = np.random.default_rng(5)
    return np.stack([rng.permutation(101) / 98 * side for side in (width, length, height)], axis=1) + (3, 4, 5)


def test_sides_leave_out_the_outermost_hundredth():
    points = box(3, 2, 7)
    assert sides(points, np.array([0, -1.0, 0])) == pytest.approx((3, 2, 7))
    more = np.concatenate([points, [(900.0, 900.0, 900.0)]])
    assert sides(more, np.array([0, -1.0, 0])) == pytest.approx((3, 2, 7), rel=0.05)
    assert sides(points * 0, np.array([0, -1.0, 0])) == pytest.approx(1e-9)


@pytest.mark.parametrize(
    ("measured", "long"),
    [((1.31, 1, 0.5), True), ((1.29, 1, 0.5), False), ((1.5, 1, 1), True), ((1.47, 1, 1), False), ((3, 2, 2.2), False)],
)
def test_a_body_that_lies_is_longer_than_wide_and_than_wide_and_high_together(measured, long):
    points = box(*measured)
    standing = Standing(points, np.array([1.0, 0, 0]), np.array([0, -1.0, 0]), False)
    assert standing.lies(points[None]) is long


def test_a_rest_pose_may_differ_by_a_quarter_of_the_size():
    """All points of a box of size 1 move the same way or the other way, so that no turn makes up for it."""
    rng = np.random.default_rng(0)
    points, ways = rng.uniform(0, 1, (4000, 3)), rng.choice((-1, 1), (4000, 1)) * (0, 0, 1)
    assert is_like(points, points + 0.35 * ways) and not is_like(points, points + 0.8 * ways)


PLAIN = [((0, 0, 2), 0.5), ((0, 0, 1.5), 0.5), ((0, 0, 1.0), 0.5)]
PLAIN += [part for x in (-0.2, 0.2) for part in (((x, 0, 0.5), 0.2), ((x, 0, 0.1), 0.2))]
HEAD, EYES = [((0, 0, 2.6), 0.4)], [((x, -0.25, 2.7), 0.1) for x in (-0.1, 0.1)]
TOES = [((x, -0.15, 0.1), 0.2) for x in (-0.2, 0.2)]


@pytest.mark.parametrize(
    ("cubes", "evidence"),
    [
        (PLAIN + HEAD, 0.0),
        (PLAIN + HEAD + EYES, 1.5 * (0.25 - 0.045) / 2.8 / 0.1),
        (PLAIN + HEAD + TOES, 0.7 * 0.075 / 2.8 / 0.1),
        (PLAIN + [((0, -0.3, 2.6), 0.4)], 0.7 * 0.3 / 2.8 / 0.3),
        (PLAIN + HEAD + [((x, -0.25, 0.9), 0.1) for x in (-0.1, 0.1)], 0.0),
        (PLAIN[:3] + HEAD + [((x, -0.2, z), 0.2) for x in (-0.2, 0.2) for z in (0.1, 0.5)], 0.0),
    ],
    ids=["plain", "eyes", "toes", "head", "knees", "legs"],
)
def test_eyes_toes_and_head_tell_what_is_ahead(cubes, evidence):
    """Each counts by how far it lies ahead of the rest, as a share of the size; eyes move the median by 0.045."""
    vertices, triangles = scene(*cubes)
    points = carry(sample_triangles(vertices, triangles, 20_000, np.random.default_rng(0)), vertices[None])[0][0]
    for normal, sign in (((1.0, 0, 0), 1), ((-1.0, 0, 0), -1)):
        found = _evidence(vertices, triangles, points, np.array(normal), [points[None]])
        assert sign * found == pytest.approx(evidence, abs=0.07)


@pytest.mark.parametrize(("way", "stepping"), [(0.04, 1), (0.01, 0.5), (0.0, 0), (-0.01, -0.5), (-0.04, -1)])
def test_feet_that_move_backwards_push_ahead(way, stepping):
    """Feet at the ground of a body of size 2 that stays; a hundredth of the size a frame counts fully."""
    feet, body = np.zeros((400, 3)), np.tile((0, 0, 2.0), (20_000, 1))
    poses = np.stack([np.concatenate([feet + (5, way * frame, 0), body + (5, 0, 0)]) for frame in range(4)])
    assert _stepping(poses, np.array([0, -1.0, 0]), 2.0) == pytest.approx(stepping, abs=0.03)
    assert _stepping(poses[:1], np.array([0, -1.0, 0]), 2.0) == 0
    carried = poses[:1] + np.linspace((0, 0, 0), (0, 3, 0), 4)[:, None]
    assert _stepping(carried, np.array([0, -1.0, 0]), 2.0) == pytest.approx(0, abs=1e-9)


def test_what_is_ahead_has_length_1_in_a_pose_that_leans():
    points = np.random.default_rng(0).normal(size=(60, 3))
    standing = Standing(points, np.array([1.0, 0, 0]), np.array([0, -1.0, 0]), False)
    leaning = points @ np.array([(0.6, 0, 0.8), (0, 1, 0), (-0.8, 0, 0.6)])
    assert standing.ahead(points) == pytest.approx((0, -1, 0)) and standing.ahead(leaning) == pytest.approx((0, -1, 0))
