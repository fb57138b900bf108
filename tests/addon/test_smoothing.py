import numpy as np
import pytest

from blender_addon.motion.amounts import amplitude, jitter
from blender_addon.motion.smoothing import Filter, smooth, smoothing_matrix

TIMES = np.arange(60) / 24


def swing(period=20.0, times=TIMES, noise=0.0):
    """Return vertices that swing by 1 along X with a period in poses at 24 per second, with white noise."""
    path = np.sin(2 * np.pi * 24 * times / period)
    poses = path[:, None, None] * np.array([1.0, 0, 0]) * np.ones((1, 300, 1))
    return (poses + np.random.default_rng(5).normal(scale=noise, size=poses.shape)).astype(np.float32)


def test_savitzky_and_golay_published_weights():
    row = smoothing_matrix(TIMES, Filter.EXTREMES, 2, 1.0)[30]
    np.testing.assert_allclose(row[28:33], np.array([-3, 12, 17, 12, -3]) / 35, atol=1e-12)
    seven = smoothing_matrix(TIMES, Filter.EXTREMES, 3, 1.0)[30]
    np.testing.assert_allclose(seven[27:34], np.array([-2, 3, 6, 7, 6, 3, -2]) / 21, atol=1e-12)


@pytest.mark.parametrize("kind", list(Filter))
@pytest.mark.parametrize("reach", [1, 2, 5])
def test_steady_motion_stays_also_at_the_ends_and_at_uneven_times(kind, reach):
    times = np.sort(np.random.default_rng(0).random(20))
    poses = np.stack([3 + 2 * times, 1 - times, 0 * times], axis=-1)[:, None].astype(np.float32)
    found = smooth(poses, smoothing_matrix(times, kind, reach, 1.0))
    np.testing.assert_allclose(found, poses, atol=1e-5)


def test_cubic_paths_stay_with_the_filter_that_keeps_extremes():
    path = TIMES**3 - 2 * TIMES**2
    poses = np.stack([path, -path, path], axis=-1)[:, None].astype(np.float32)
    np.testing.assert_allclose(smooth(poses, smoothing_matrix(TIMES, Filter.EXTREMES, 4, 1.0)), poses, atol=1e-5)
    assert np.abs(smooth(poses, smoothing_matrix(TIMES, Filter.SOFT, 4, 1.0)) - poses).max() > 1e-3


def test_extremes_stay_and_the_soft_filter_rounds_them_off():
    kept = smooth(swing(), smoothing_matrix(TIMES, Filter.EXTREMES, 3, 1.0))[:, 0, 0]
    soft = smooth(swing(), smoothing_matrix(TIMES, Filter.SOFT, 3, 1.0))[:, 0, 0]
    assert 0.985 < kept.max() <= 1.0001 and 0.8 < soft.max() < 0.93


@pytest.mark.parametrize(("kind", "left"), [(Filter.EXTREMES, (7 / 21) ** 0.5), (Filter.SOFT, 0.441)])
def test_white_noise_is_weakened(kind, left):
    still = np.random.default_rng(1).normal(size=(60, 3000, 3)).astype(np.float32)
    found = smooth(still, smoothing_matrix(TIMES, kind, 3, 1.0))
    assert found[10:50].std() == pytest.approx(left, rel=0.03)


def test_jitter_falls_and_the_motion_comes_closer_to_the_true_one():
    noisy, true = swing(noise=0.03), swing()
    found = smooth(noisy, smoothing_matrix(TIMES, Filter.EXTREMES, 4, 1.0))
    assert jitter(found, TIMES) < 0.65 * jitter(noisy, TIMES)
    assert np.abs(found - true).mean() < 0.62 * np.abs(noisy - true).mean()
    assert amplitude(found) == pytest.approx(amplitude(true), rel=0.01)


def test_strength_goes_from_nothing_to_all():
    noisy = swing(noise=0.03)
    none, half, whole = (smooth(noisy, smoothing_matrix(TIMES, Filter.SOFT, 2, share)) for share in (0, 0.5, 1))
    np.testing.assert_array_equal(none, noisy)
    np.testing.assert_allclose(half, (noisy + whole) / 2, atol=1e-6)


def test_loop_is_smooth_across_its_seam():
    times = np.arange(40) / 24
    poses = swing(times=times)
    found = smooth(poses, smoothing_matrix(times, Filter.SOFT, 3, 1.0, lasts=40 / 24))
    peaks = found[:, 0, 0]
    assert peaks[5] == pytest.approx(peaks[25], abs=1e-6) and peaks[0] == pytest.approx(peaks[20], abs=1e-6)
    assert smoothing_matrix(times, Filter.SOFT, 3, 1.0, lasts=40 / 24)[0, 39] > 0
    assert smoothing_matrix(times, Filter.SOFT, 3, 1.0)[0, 39] == 0


def test_fixed_pose_keeps_its_places_and_the_rest_its_shape():
    noisy = swing(noise=0.03)
    matrix = smoothing_matrix(TIMES, Filter.EXTREMES, 3, 1.0)
    free, held = smooth(noisy, matrix), smooth(noisy, matrix, fixed=17)
    np.testing.assert_array_equal(held[17], noisy[17])
    shift = (noisy - free)[17]
    np.testing.assert_allclose(held - free, np.broadcast_to(shift, free.shape), atol=2e-6)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_poses(count):
    poses = swing(noise=0.03)[:count]
    found = smooth(poses, smoothing_matrix(TIMES[:count], Filter.EXTREMES, 3, 1.0))
    assert found.shape == poses.shape and np.isfinite(found).all()


@pytest.mark.parametrize("kind", list(Filter))
@pytest.mark.parametrize("count", [2, 3, 4, 5, 6])
def test_short_line_stays(kind, count):
    poses = np.arange(count, dtype=np.float32)[:, None, None] * np.ones((1, 2, 3), np.float32)
    np.testing.assert_allclose(smooth(poses, smoothing_matrix(TIMES[:count], kind, 3, 1.0)), poses, atol=1e-5)


def test_cubic_goes_through_three_places():
    np.testing.assert_allclose(smoothing_matrix(TIMES, Filter.EXTREMES, 1, 1.0), np.eye(60), atol=1e-9)


def test_neighbours_of_a_loop_are_alike_on_both_sides():
    matrix = smoothing_matrix(np.arange(12) / 24, Filter.SOFT, 2, 1.0, lasts=0.5)
    for pose in range(12):
        around = matrix[pose, (pose + np.arange(-2, 3)) % 12]
        np.testing.assert_allclose(around, around[::-1], atol=1e-12)
        assert around.min() > 0 and around.sum() == pytest.approx(1)
