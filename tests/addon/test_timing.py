"""Seconds into scene frames."""

import numpy as np
import pytest

from blender_addon.motion.timing import frames_per_second, pose_frames, whole_range


@pytest.mark.parametrize(
    "clip, fps, base, wanted",
    [
        (24, 24, 1.0, [1, 2, 3]),
        (30, 24, 1.0, [1, 1.8, 2.6]),
        (30 / 1.001, 30, 1.001, [1, 2, 3]),
        (12, 60, 1.0, [1, 6, 11]),
    ],
)
def test_poses_keep_their_seconds(clip, fps, base, wanted):
    assert np.allclose(pose_frames(np.arange(3) / clip, 1, frames_per_second(fps, base)), wanted, rtol=0, atol=1e-9)


def test_the_first_pose_lies_on_the_start_whatever_its_time():
    assert np.array_equal(pose_frames(np.array([7.0, 7.5, 8.0]), 101.5, 24), [101.5, 113.5, 125.5])


def test_speed_scales_about_the_start():
    times = np.array([0.0, 0.25, 1.0])
    assert np.array_equal(pose_frames(times, 10, 24, 2.0), [10, 13, 22])
    assert np.array_equal(pose_frames(times, 10, 24, 0.5), [10, 22, 58])


def test_rounded_times_fall_on_whole_frames_and_others_stay():
    assert np.array_equal(pose_frames(np.array([0, 0.041667, 0.083333]), 1, 24), [1, 2, 3])
    assert pose_frames(np.array([0, 0.0425]), 1, 24)[1] == pytest.approx(2.02)


def test_range():
    assert whole_range(np.array([1.5, 3.0, 7.25])) == (1, 8) and whole_range(np.array([3.0])) == (3, 3)
