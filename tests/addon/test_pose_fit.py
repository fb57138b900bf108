"""The pose of a rig from its vertices: gradients against differences, known poses, limits, bones that nothing holds."""

import numpy as np
import pytest

from blender_addon.motion.joints import LOCATION, ROTATION, Joints, Pose, axes_of, euler, limited, rotation, with_free
from blender_addon.motion.pose_fit import PoseFit, cross, guess, turned
from blender_addon.motion.skin import skin_of

from .slices import do_all

ORDERS = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")
BONES, VERTICES = 9, 900


def creature(seed=0):
    """Return joints of every kind in random places, their home pose, points around them, and the skin."""
    rng = np.random.default_rng(seed)
    parents = np.array([-1, 0, 1, 2, 1, 0, 5, 6, 0])
    rests = np.tile(np.eye(4), (BONES, 1, 1))
    rests[:, :3, :3] = turned(rng.normal(size=(BONES, 3)))
    rests[:, :3, 3] = rng.normal(size=(BONES, 3))
    free = np.zeros((BONES, 9), bool)
    free[:, ROTATION] = True
    free[0, LOCATION] = free[6, 1] = free[5, 6:] = True
    free[3, 4] = False
    free[8] = False
    low = np.full((BONES, 9), -np.inf)
    high = -low
    low[4, 3], high[4, 3] = -0.1, 0.2
    orders = ["", "", "", "YZX", "XYZ", "", "", "", ""]
    joints = Joints(tuple("abcdefghi"), parents, rests, tuple(orders), free, low, high)
    values = np.tile([0, 0, 0, 0, 0, 0, 1, 1, 1.0], (BONES, 1))
    values[3, 4] = 0.3
    home = limited(joints, Pose(values, np.tile(np.eye(3), (BONES, 1, 1))))
    own = rng.integers(0, BONES, VERTICES)
    points = rests[own, :3, 3] + 0.3 * rng.normal(size=(VERTICES, 3))
    bones = np.concatenate([own[:, None], rng.integers(0, BONES, (VERTICES, 2))], axis=1).ravel()
    weights = np.tile([1.0, 0.2, 0.1], VERTICES) * rng.uniform(0.5, 1, 3 * VERTICES)
    follow = np.where(np.arange(VERTICES) < 50, 0.5, 1.0)
    skin = skin_of(np.repeat(np.arange(VERTICES), 3), bones, weights, follow, BONES)
    return joints, home, points, skin


def bent(joints, home, much, seed=1):
    rng = np.random.default_rng(seed)
    values = home.values + np.where(joints.free, rng.uniform(-much, much, home.values.shape), 0)
    return with_free(joints, Pose(values, turned(rng.uniform(-much, much, (BONES, 3)))), home)


@pytest.mark.parametrize("order", ORDERS)
def test_angles_of_a_rotation_are_those_that_made_it_and_turn_around_their_axes(order):
    rng = np.random.default_rng(0)
    for _ in range(20):
        angles = rng.uniform(-9, 9, 3)
        turn = rotation(order, angles)
        np.testing.assert_allclose(euler(order, turn, angles + rng.uniform(-0.3, 0.3, 3)), angles, atol=1e-7)
        for axis, way in enumerate(axes_of(order, angles)):
            nudged = rotation(order, angles + 1e-6 * np.eye(3)[axis])
            np.testing.assert_allclose((nudged - turn) / 1e-6 @ turn.T, cross(way), atol=1e-5)
    angles = np.array([0.3, 0.4, 0.5])
    angles["XYZ".index(order[1])] = np.pi / 2
    locked = rotation(order, angles)
    np.testing.assert_allclose(rotation(order, euler(order, locked, np.zeros(3))), locked, atol=1e-9)


def test_order_is_blenders():
    quarter = np.pi / 2
    np.testing.assert_allclose(rotation("XYZ", np.array([quarter, 0, quarter])) @ [0, 1, 0], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(rotation("ZYX", np.array([quarter, 0, quarter])) @ [0, 1, 0], [-1, 0, 0], atol=1e-12)


def test_sums_over_vertices_give_the_error_its_slope_and_its_curvature():
    joints, home, points, skin = creature()
    fit, pose = PoseFit(joints, 5.0), bent(joints, home, 0.3, seed=5)
    places = skin.apply(points, fit.deforms(bent(joints, home, 0.8)))
    moments = skin.moments(points, places)
    error = ((skin.apply(points, fit.deforms(pose)) - places) ** 2).sum()
    assert fit._error(moments, home, pose) == pytest.approx(error, rel=1e-6)
    slope, normal = fit._equations(moments, home, pose)
    count, step = int(joints.free.sum()), 1e-5
    assert slope.shape == (count,)
    rows = []
    for steps in step * np.eye(count):
        ahead, behind = fit._moved(pose, steps), fit._moved(pose, -steps)
        rise = fit._error(moments, home, ahead) - fit._error(moments, home, behind)
        assert rise / (4 * step) == pytest.approx(slope[len(rows)], abs=1e-5 * np.abs(slope).max())
        moved = skin.apply(points, fit.deforms(ahead)) - skin.apply(points, fit.deforms(behind))
        rows.append(moved.ravel() / (2 * step))
    ways = np.array(rows)
    np.testing.assert_allclose(normal, ways @ ways.T, atol=1e-5 * np.abs(normal).max())


@pytest.mark.parametrize("seed", range(4))
def test_known_pose_is_found(seed):
    joints, home, points, skin = creature(seed)
    truth = bent(joints, home, 0.8, seed)
    fit = PoseFit(joints, 5.0)
    found = do_all(fit.next(skin.moments(points, skin.apply(points, fit.deforms(truth))), home))
    np.testing.assert_allclose(fit.deforms(found.pose), fit.deforms(truth), atol=1e-4)
    assert (found.pose.values[~joints.free] == home.values[~joints.free]).all()
    assert -0.1 <= found.pose.values[4, 3] <= 0.2


def test_half_turn_is_found_from_the_guess():
    joints, home, points, skin = creature()
    turns = home.turns.copy()
    turns[0] = turned(np.array([[3.0, 0.5, 0.2]]))[0]
    truth = with_free(joints, Pose(home.values, turns), home)
    fit = PoseFit(joints, 5.0)
    moments = skin.moments(points, skin.apply(points, fit.deforms(truth)))
    np.testing.assert_allclose(guess(joints, moments, home).turns[0], turns[0], atol=0.5)
    np.testing.assert_allclose(do_all(fit.next(moments, home)).pose.turns, turns, atol=1e-4)


def test_limit_holds_and_the_rest_does_its_best():
    joints, home, points, skin = creature()
    values = home.values.copy()
    values[4, ROTATION] = (0.9, 0.1, 0.2)
    turns = home.turns.copy()
    turns[4] = rotation("XYZ", values[4, ROTATION])
    fit = PoseFit(joints, 5.0)
    found = do_all(fit.next(skin.moments(points, skin.apply(points, fit.deforms(Pose(values, turns)))), home))
    assert found.pose.values[4, 3] == 0.2 and found.error > 0.01
    start = with_free(joints, Pose(values, turns), home)
    assert found.error < fit._error(
        skin.moments(points, skin.apply(points, fit.deforms(Pose(values, turns)))), home, start
    )


def test_bone_that_holds_no_vertex_stays_at_home():
    joints, home, points, skin = creature()
    kept = skin.bones != 7
    skin = skin_of(skin.vertices[kept], skin.bones[kept], skin.weights[kept], np.ones(VERTICES), BONES)
    fit = PoseFit(joints, 5.0)
    found = do_all(fit.next(skin.moments(points, skin.apply(points, fit.deforms(bent(joints, home, 0.5)))), home))
    np.testing.assert_allclose(found.pose.turns[7], home.turns[7], atol=1e-3)


def test_skin_is_blenders():
    skin = skin_of(
        np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0]), np.array([3.0, 1.0, 0.5, 5e-5]), np.array([1, 0.5, 1]), 2
    )
    points, deforms = np.ones((3, 3)), np.tile(np.eye(4), (2, 1, 1))
    deforms[1, :3, 3] = (4, 0, 0)
    np.testing.assert_allclose(skin.apply(points, deforms), [[2, 1, 1], [3, 1, 1], [1, 1, 1]])
    np.testing.assert_allclose(skin.rests, [0, 0.5, 1])
