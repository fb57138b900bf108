import numpy as np
import pytest

from blender_addon.errors import ArtistError
from blender_addon.motion.footing import Limits, find_planted, footing

RATE = 24.0
STEP = 8
"""Poses that each foot stands, then swings."""
FOOT = np.array([[-0.05, -0.1, 0], [0.05, -0.1, 0], [-0.05, 0.1, 0], [0.05, 0.1, 0.0]])
BODY = np.array([[-0.3, 0, 0.8], [0.3, 0, 0.8], [0, 0, 2.0]])


def walker(count=49, stride=0.04, ground=0.0):
    """Return (T, 11, 3): two feet that stand and swing in turn, below a body that moves `stride` along Y per pose."""
    poses = np.zeros((count, 11, 3))
    for pose in range(count):
        for foot, side in enumerate((-0.2, 0.2)):
            phase = (pose + STEP * foot) % (2 * STEP)
            begun = pose - phase
            swing = max(phase - STEP, 0) / STEP
            along = stride * (begun + 2 * STEP * swing**2 * (3 - 2 * swing))
            poses[pose, 4 * foot : 4 * foot + 4] = FOOT + [side, along, 0.2 * np.sin(np.pi * swing)]
        poses[pose, 8:] = BODY + [0, stride * pose, 0]
    return poses + [0, 0, ground]


def seconds(count=49):
    return np.arange(count) / RATE


def bones(poses):
    """Return all distances between vertices in each pose: what stretching would change."""
    return np.linalg.norm(poses[:, :, None] - poses[:, None], axis=-1)


def test_standing_feet_stay():
    poses = walker()
    found = footing(poses, seconds(), Limits())
    np.testing.assert_allclose(found.offsets, 0, atol=1e-9)
    assert (found.slid, found.slides, found.sank, found.ground) == pytest.approx((0, 0, 0, 0), abs=1e-12)
    assert found.height == pytest.approx(2.0) and found.planted > 0.9


def test_sliding_feet_are_locked_by_moving_the_body():
    poses = walker()
    drift = 0.01 * np.arange(49)[:, None] * np.array([0.6, -0.8, 0])
    found = footing(poses + drift[:, None], seconds(), Limits())
    np.testing.assert_allclose(found.offsets, -drift, atol=1e-9)
    assert found.slid == pytest.approx(0.01) and found.slides == pytest.approx(0, abs=1e-9)
    mended = poses + drift[:, None] + found.offsets[:, None]
    np.testing.assert_allclose(bones(mended), bones(poses), atol=1e-9)


def test_walk_on_the_spot_goes_forward_when_more_slide_is_allowed():
    poses = walker() - np.arange(49)[:, None, None] * np.array([0, 0.04, 0])
    found = footing(poses, seconds(), Limits(slow=0.6))
    assert found.slid > 0.03 and found.slides < 1e-6
    np.testing.assert_allclose(found.offsets[:, 1], 0.04 * np.arange(49), atol=1e-6)


def test_pose_that_stays_is_not_moved_along_the_ground():
    drift = 0.01 * np.arange(49)[:, None, None] * np.array([1.0, 0, 0])
    found = footing(walker() + drift, seconds(), Limits(), still=20)
    np.testing.assert_array_equal(found.offsets[20, :2], 0)
    assert found.offsets[0, 0] == pytest.approx(0.2)


def test_sunken_and_floating_poses_come_to_the_ground():
    heave = 0.03 * np.sin(np.arange(49) / 5)
    poses = walker() + heave[:, None, None] * np.array([0, 0, 1.0])
    found = footing(poses, seconds(), Limits(), ground=0.0, along=False)
    np.testing.assert_allclose(found.offsets[:, 2], -heave, atol=1e-9)
    assert found.sank == pytest.approx(0.03, rel=0.01) and found.sinks == pytest.approx(0, abs=1e-12)
    np.testing.assert_array_equal(found.offsets[:, :2], 0)


def test_ground_is_estimated_below_a_jump():
    poses = walker(ground=1.5)
    poses[20:40, :, 2] += np.sin(np.pi * np.arange(20) / 20)[:, None]
    found = footing(poses, seconds(), Limits(), along=False)
    assert found.ground == pytest.approx(1.5, abs=1e-6)
    assert np.abs(found.offsets[22:38, 2]).max() < 0.1
    assert found.planted == pytest.approx(29 / 48, abs=0.05)


def test_slide_goes_on_in_the_air():
    """A subject that is filmed from a moving camera slides evenly; so does its correction while it jumps."""
    poses = walker() + 0.008 * np.arange(49)[:, None, None] * np.array([1.0, 0, 0])
    poses[20:31, :, 2] += np.sin(np.pi * np.arange(11) / 10)[:, None]
    found = footing(poses, seconds(), Limits(), upward=False)
    np.testing.assert_allclose(found.offsets[:, 0], -0.008 * np.arange(49), atol=1e-6)
    np.testing.assert_array_equal(found.offsets[:, 2], 0)


def test_planted_vertices_stay_until_they_are_clearly_higher_or_faster():
    heights = [0.0, 0.5, 1.4, 1.4, 1.6, 0.9]
    feet = np.zeros((6, 1, 3))
    feet[:, 0, 2] = heights
    assert find_planted(feet, np.arange(6.0), 0.0, 1.0, 9.0)[:, 0].tolist() == [True, True, True, False, False]
    feet[:, 0] = [(0, 0, 0), (1.4, 0, 0), (2.3, 0, 0), (3.7, 0, 0), (5.3, 0, 0), (6.7, 0, 0)]
    assert find_planted(feet, np.arange(6.0), 0.0, 1.0, 1.0)[:, 0].tolist() == [False, True, True, False, False]


def test_only_what_stands_counts():
    with pytest.raises(ArtistError, match="No foot stands"):
        footing(walker() + np.arange(49)[:, None, None] * np.array([1.0, 0, 0]), seconds(), Limits())


def test_foot_that_swings_low_does_not_count():
    """Three feet walk on the spot; a fourth swings forward low and as slowly as they slide backward."""
    poses = np.zeros((25, 17, 3))
    for foot in range(4):
        way = 0.03 * np.arange(25) * (1 if foot == 3 else -1)
        poses[:, 4 * foot : 4 * foot + 4] = FOOT + [foot, 0, 0] + way[:, None, None] * np.array([0, 1.0, 0])
    poses[:, 16] = [0, 0, 2]
    found = footing(poses, seconds(25), Limits(slow=0.5))
    np.testing.assert_allclose(found.offsets[:, 1], 0.03 * np.arange(25), atol=1e-9)
    assert found.slid == pytest.approx(0.03) and found.slides == pytest.approx(0, abs=1e-9)


def test_trembling_feet_make_the_body_tremble_less_on_request():
    noise = np.random.default_rng(4).normal(scale=0.003, size=(49, 1, 3)) * [1, 1, 0]
    drift = 0.01 * np.arange(49)[:, None, None] * np.array([1.0, 0, 0])
    exact, calm = (footing(walker() + noise + drift, seconds(), Limits(), upward=False, calm=n) for n in (0, 2))
    np.testing.assert_allclose(exact.offsets, -(noise + drift)[:, 0] + noise[0, 0], atol=1e-9)
    assert np.diff(calm.offsets[:, 0], 2).std() < 0.3 * np.diff(exact.offsets[:, 0], 2).std()
    assert calm.offsets[-1, 0] == pytest.approx(-0.48, abs=0.02)


def test_steady_slide_is_mended_whole_also_if_calm():
    drift = 0.01 * np.arange(49)[:, None, None] * np.array([1.0, 0, 0])
    found = footing(walker() + drift, seconds(), Limits(), calm=3)
    np.testing.assert_allclose(found.offsets, -drift[:, 0], atol=1e-9)


def test_trembling_vertices_still_count():
    """What stands trembles too fast for half the speed; it was found before and stays."""
    noise = np.random.default_rng(4).normal(scale=0.004, size=(49, 11, 3))
    found = footing(walker() + noise, seconds(), Limits(), upward=False)
    assert found.planted > 0.7 and np.abs(found.offsets).max() < 0.05


def test_motion_that_begins_and_ends_in_the_air_stays_there():
    poses = walker() + np.array([0, 0, 0.05])
    poses[:6, :, 2] += np.linspace(1, 0.2, 6)[:, None]
    poses[-5:, :, 2] += np.linspace(0.2, 1, 5)[:, None]
    found = footing(poses, seconds(), Limits(low=0.05), ground=0.0)
    np.testing.assert_allclose(found.offsets[:, 2], -0.05, atol=1e-9)
