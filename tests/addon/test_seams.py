import numpy as np
import pytest

from blender_addon.errors import ArtistError
from blender_addon.motion.amounts import amplitude, jitter
from blender_addon.motion.seams import Seam, bend, find_seam, kink, velocities
from tests.addon.walk import walk

REST = np.random.default_rng(1).normal(size=(40, 3))
WAY = np.random.default_rng(2).normal(size=(40, 3))


def swinging(count, period, drift=0.0):
    """Return vertices that go round with a period, and may also leave along a line, in one unit per second."""
    angles = 2 * np.pi * np.arange(count)[:, None, None] / period
    around = REST + np.cos(angles) * WAY + np.sin(angles) * WAY[:, [1, 2, 0]]
    return around + drift * np.arange(count)[:, None, None] / 24


def seconds(count):
    return np.arange(count) / 24


def test_amplitude_of_a_circle_is_its_radius():
    angles = 2 * np.pi * np.arange(12) / 12
    poses = np.stack([3 * np.cos(angles), 3 * np.sin(angles), 0 * angles], axis=-1)[:, None]
    assert amplitude(poses) == pytest.approx(3.0)


def test_jitter_of_a_zigzag_and_of_a_line():
    times = np.arange(9.0)
    line = times[:, None, None] * np.ones((1, 5, 3))
    assert jitter(line, times) == pytest.approx(0.0, abs=1e-12)
    zigzag = np.where(np.arange(9) % 2, 1.0, -1.0)[:, None, None] * np.array([0.5, 0, 0])
    assert jitter(zigzag, times) == pytest.approx(2.0)
    assert jitter(zigzag[:8], times[:8], lasts=8.0) == pytest.approx(2.0)
    assert jitter(line[:2], times[:2]) == 0.0


def test_jitter_counts_times_as_they_are():
    """Steady motion has none, though its poses are at uneven times."""
    times = np.array([0, 2, 3, 5, 6, 8, 9.0])
    line = times[:, None, None] * np.ones((1, 5, 3))
    assert jitter(line, times) == pytest.approx(0.0, abs=1e-12)
    assert jitter(line, np.arange(7.0)) > 0.5
    bump = np.zeros((3, 1, 3))
    bump[1, 0, 0] = 1
    assert jitter(bump, np.array([0, 2, 3.0])) == pytest.approx(2.0)


def test_jitter_of_white_noise():
    noise = np.random.default_rng(0).normal(scale=0.01, size=(100, 9000, 3))
    assert jitter(noise, np.arange(100.0)) == pytest.approx(0.01 * 6**0.5 * (8 / np.pi) ** 0.5, rel=0.02)


def test_motion_of_known_period_is_cut_after_whole_periods():
    seam = find_seam(swinging(33, 20), seconds(33), 8)
    assert seam.end - seam.start == 20 and seam.gap < 0.01
    two = find_seam(swinging(45, 20), seconds(45), 8)
    assert two.end - two.start == 40 and two.period == pytest.approx(20, abs=0.5)
    poses = swinging(45, 20)
    assert kink(bend(poses, seconds(45), two, 6), poses, two, 6) < 1e-9


def test_walk_is_cut_after_a_whole_cycle_and_not_after_a_step():
    seam = find_seam(walk(61, cycles=3.0, rings=6, around=6), seconds(61), 4)
    assert seam.period == pytest.approx(20, abs=0.3) and (seam.end - seam.start) % 20 == 0


def test_whole_cycle_is_preferred_to_a_rest_that_drifts_less():
    """Twelve of every twenty poses rest: a loop of the rest alone has the smaller gap."""
    phases = np.clip(np.arange(45) % 20 - 12, 0, 8)[:, None, None] / 8
    poses = REST + np.sin(2 * np.pi * phases) * WAY + 0.004 * np.arange(45)[:, None, None]
    seam = find_seam(poses, seconds(45), 5)
    assert abs(seam.end - seam.start - 20) <= 1 and seam.period == pytest.approx(20, abs=0.1)


def test_period_lies_between_poses():
    seam = find_seam(walk(61, cycles=2.3, rings=6, around=6), seconds(61), 4)
    assert seam.period == pytest.approx(60 / 2.3, abs=0.1) and seam.end - seam.start in (26, 52)


def test_longest_of_equal_seams_is_taken():
    seam = find_seam(swinging(65, 20), seconds(65), 4)
    assert seam.end - seam.start == 60


def test_motion_without_a_period_has_its_best_seam():
    rng = np.random.default_rng(3)
    poses = np.cumsum(rng.normal(size=(30, 40, 3)), axis=0)
    poses[21:26] = poses[4:9] + 0.01 * rng.normal(size=(5, 40, 3))
    seam = find_seam(poses, seconds(30), 10)
    assert (seam.end - seam.start, seam.period) == (17, None) and 4 <= seam.start <= 8


def test_gap_is_the_distance_of_place_and_of_motion():
    poses = np.zeros((9, 1, 3))
    poses[:, 0, 0] = [0, 1, 2, 3, 4, 3.5, 3, 2.5, 2]
    seam = find_seam(poses, seconds(9), 8)
    size = np.sqrt(np.square(poses[:, 0, 0] - poses[:, 0, 0].mean()).mean())
    assert (seam.start, seam.end) == (0, 8) and seam.gap == pytest.approx(np.hypot(2, 1.5) / size)


def test_bent_end_meets_the_start_in_place_and_velocity():
    poses, times = swinging(30, 21, drift=0.8), seconds(30)
    seam = Seam(2, 23, 0.0)
    loop = bend(poses, times, seam, 10)
    assert loop.shape == (21, 40, 3)
    np.testing.assert_array_equal(loop[:12], poses[2:14])
    before, after = kink(poses[2:23], poses, seam, 0), kink(loop, poses, seam, 10)
    jump = np.linalg.norm([0.8 * 21 / 24] * 3) / amplitude(poses)
    assert before == pytest.approx(jump, rel=1e-6)
    assert after < 0.1 * before
    arrives, leaves = (loop[0] - loop[-1]) * 24, velocities(poses, times)[2]
    assert np.abs(arrives - leaves).max() < 0.2 * np.abs(poses[2] - poses[22]).max() * 24


def test_jump_of_velocity_alone_is_bent_too():
    poses = np.zeros((21, 1, 3))
    poses[:, 0, 0] = np.abs(np.arange(21) - 10.0)
    seam = Seam(0, 20, 0.0)
    loop = bend(poses, seconds(21), seam, 8)
    assert kink(poses[:20], poses, seam, 0) * amplitude(poses) == pytest.approx(2.0)
    assert kink(loop, poses, seam, 8) < 0.6 * kink(poses[:20], poses, seam, 0)


def test_without_blend_nothing_changes():
    poses = swinging(30, 21, drift=0.8).astype(np.float32)
    loop = bend(poses, seconds(30), Seam(2, 23, 0.0), 0)
    assert loop.dtype == np.float32
    np.testing.assert_array_equal(loop, poses[2:23])


def test_blend_longer_than_the_loop_keeps_the_first_pose():
    poses = swinging(30, 21, drift=0.8)
    loop = bend(poses, seconds(30), Seam(2, 23, 0.0), 99)
    np.testing.assert_array_equal(loop[0], poses[2])
    assert np.abs(loop[1] - poses[3]).max() > 0


def test_what_cannot_loop_is_refused():
    with pytest.raises(ArtistError, match="12 poses does not fit into 12"):
        find_seam(swinging(12, 6), seconds(12), 12)
    with pytest.raises(ArtistError, match="does not move"):
        find_seam(np.repeat(REST[None], 9, axis=0), seconds(9), 4)
