import numpy as np
import pytest

from blender_addon.motion.root import Turn, about, areas, body_motion, rigid_motion

SHAPE = np.random.default_rng(0).normal(size=(60, 3)) * [1, 2, 0.5]
EVEN = np.ones(60)
UP = np.array([0, 0, 1.0])


def turned(angle, axis="Z"):
    cosine, sine = np.cos(angle), np.sin(angle)
    rows = {
        "Z": [[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]],
        "X": [[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]],
    }
    return np.array(rows[axis])


def travelling(count=9):
    """Return a shape that turns by 20 degrees about Z and moves by (0.5, 0.2, 0.1) from pose to pose."""
    return np.stack(
        [SHAPE @ turned(np.radians(20 * pose)).T + np.array([0.5, 0.2, 0.1]) * pose for pose in range(count)]
    )


@pytest.mark.parametrize("turn", [Turn.UP, Turn.FULL])
def test_turning_and_moving_body_is_found_and_leaves_still_poses(turn):
    poses = travelling()
    found = rigid_motion(poses, poses[0], EVEN, turn, UP)
    for pose in range(9):
        np.testing.assert_allclose(found.turns[pose], turned(np.radians(20 * pose)), atol=1e-12)
        np.testing.assert_allclose(found.moves[pose], np.array([0.5, 0.2, 0.1]) * pose, atol=1e-12)
        np.testing.assert_allclose(found.undo(pose, poses[pose]), SHAPE, atol=1e-12)
        np.testing.assert_allclose(found.apply(pose, SHAPE), poses[pose], atol=1e-12)


def test_rest_pose_does_not_move():
    found = rigid_motion(travelling(), travelling()[4], EVEN, Turn.FULL, UP)
    np.testing.assert_array_equal(found.turns[4], np.eye(3))
    np.testing.assert_array_equal(found.moves[4], 0)
    np.testing.assert_allclose(found.turns[5], turned(np.radians(20)), atol=1e-12)


def test_only_moves():
    poses = SHAPE + np.arange(5)[:, None, None] * np.array([1, 2, 3.0])
    found = rigid_motion(poses, poses[0], EVEN, Turn.NONE, UP)
    np.testing.assert_allclose(found.moves, np.arange(5)[:, None] * [1, 2, 3], atol=1e-12)
    np.testing.assert_array_equal(found.turns, np.broadcast_to(np.eye(3), (5, 3, 3)))


@pytest.mark.parametrize("turn", [Turn.NONE, Turn.UP])
def test_bobbing_stays_in_the_poses_on_request(turn):
    poses = SHAPE + np.sin(np.arange(5))[:, None, None] * np.array([1, 0, 1.0])
    found = rigid_motion(poses, poses[0], EVEN, turn, UP, upward=False)
    np.testing.assert_allclose(found.moves[:, 0], np.sin(np.arange(5)), atol=1e-12)
    np.testing.assert_allclose(found.moves[:, 2], 0, atol=1e-12)


def test_full_turn_about_another_axis():
    poses = np.stack([SHAPE, SHAPE @ turned(2.5, "X").T])
    found = rigid_motion(poses, poses[0], EVEN, Turn.FULL, UP, upward=False)
    np.testing.assert_allclose(found.turns[1], turned(2.5, "X"), atol=1e-12)
    assert rigid_motion(poses, poses[0], EVEN, Turn.UP, UP).turns[1][2, 2] == pytest.approx(1)


def test_up_may_be_any_axis():
    tilt = turned(0.7, "X")
    poses = travelling() @ tilt.T
    found = rigid_motion(poses, poses[0], EVEN, Turn.UP, tilt @ UP)
    np.testing.assert_allclose(found.undo(6, poses[6]), poses[0], atol=1e-12)


def test_mirrored_pose_is_not_met_with_a_mirror():
    found = rigid_motion(np.stack([SHAPE, SHAPE * [-1, 1, 1]]), SHAPE, EVEN, Turn.FULL, UP)
    assert np.linalg.det(found.turns[1]) == pytest.approx(1)


def test_heavy_vertices_decide():
    poses = np.stack([SHAPE, SHAPE @ turned(0.4).T])
    poses[1, 30:] = SHAPE[30:] + 5
    weights = np.where(np.arange(60) < 30, 1.0, 1e-9)
    found = rigid_motion(poses, poses[0], weights, Turn.FULL, UP)
    np.testing.assert_allclose(found.turns[1], turned(0.4), atol=1e-6)


def test_moving_limb_turns_the_body_the_least():
    """The best angle about an axis has no better neighbour."""
    poses = np.stack([SHAPE, SHAPE @ turned(0.5).T])
    poses[1, :20] += np.random.default_rng(3).normal(size=(20, 3))
    found = rigid_motion(poses, poses[0], EVEN, Turn.UP, UP)

    def miss(turn):
        centred = poses - poses.mean(axis=1, keepdims=True)
        return np.square(centred[0] @ turn.T - centred[1]).sum()

    for angle in (-0.01, 0.01):
        assert miss(found.turns[1]) < miss(found.turns[1] @ turned(angle))


def test_rotation_about_an_axis():
    np.testing.assert_allclose(about(UP, 0.3), turned(0.3), atol=1e-15)
    np.testing.assert_allclose(about(np.array([1.0, 0, 0]), 0.3), turned(0.3, "X"), atol=1e-15)


def test_areas_around_vertices():
    square = np.array([[0, 0, 0], [2, 0, 0], [2, 2, 0], [0, 2, 0], [9, 9, 9.0]])
    found = areas(square, np.array([[0, 1, 2], [0, 2, 3]]))
    np.testing.assert_allclose(found[:4], [4 / 3, 2 / 3, 4 / 3, 2 / 3])
    assert 0 < found[4] < 1e-5
    assert (areas(np.zeros((3, 3)), np.array([[0, 1, 2]])) > 0).all()


def found(slices):
    """Do all slices and return what they found."""
    while True:
        try:
            next(slices)
        except StopIteration as end:
            return end.value


def swinging(count=24):
    """Return a straight walk along Y by 0.1 a pose, whose arms (40% of it) swing to and fro on one side each."""
    poses = np.repeat(SHAPE[None], count, axis=0) + 0.1 * np.arange(count)[:, None, None] * np.array([0, 1.0, 0])
    swing = np.sin(2 * np.pi * np.arange(count) / 12)[:, None]
    right, left = SHAPE[:, 0] > np.quantile(SHAPE[:, 0], 0.8), SHAPE[:, 0] < np.quantile(SHAPE[:, 0], 0.2)
    poses[:, right, 1] += swing
    poses[:, left, 1] -= swing
    return poses


def test_swinging_limbs_do_not_turn_the_body():
    poses = swinging()
    whole = rigid_motion(poses, poses[0], EVEN, Turn.UP, UP)
    body = found(body_motion(poses, poses[0], EVEN, Turn.UP, UP))
    turns = [np.abs(np.arctan2(each.turns[:, 1, 0], each.turns[:, 0, 0])).max() for each in (whole, body)]
    assert turns[0] > 0.1 and turns[1] < turns[0] / 5
    np.testing.assert_allclose(body.moves[:, 1], 0.1 * np.arange(24), atol=0.05)


@pytest.mark.parametrize("turn", [Turn.UP, Turn.FULL])
def test_rigid_body_is_found_exactly_in_all_its_poses(turn):
    poses = travelling(21)
    body = found(body_motion(poses, poses[9], EVEN, turn, UP))
    np.testing.assert_array_equal(body.turns[9], np.eye(3))
    for pose in range(21):
        np.testing.assert_allclose(body.undo(pose, poses[pose]), poses[9], atol=1e-9)


def test_still_body_with_one_moving_limb_stays_exactly():
    poses = np.repeat(SHAPE[None], 6, axis=0)
    poses[3:, :5] += 1
    body = found(body_motion(poses, poses[0], EVEN, Turn.UP, UP))
    assert np.abs(body.moves).max() < 0.02


def test_axis_may_point_anywhere():
    axis = np.array([2.0, -1, 2]) / 3
    poses = np.stack([SHAPE, SHAPE @ about(axis, 0.8).T])
    assert np.trace(about(axis, 0.8)) == pytest.approx(1 + 2 * np.cos(0.8))
    np.testing.assert_allclose(about(axis, 0.8) @ axis, axis, atol=1e-12)
    np.testing.assert_allclose(rigid_motion(poses, SHAPE, EVEN, Turn.UP, axis).turns[1], about(axis, 0.8), atol=1e-9)


def test_area_of_a_triangle_in_space():
    """Its sides are 3 and 4 at a right angle."""
    corners = np.array([[5, 1, 1], [8, 1, 1], [5, 1, 5.0]])
    np.testing.assert_allclose(areas(corners, np.array([[0, 1, 2]])), [2, 2, 2])
