"""Which frame of the clip goes with which frame of the scene."""

import numpy as np
import pytest

from blender_addon.motion.film_frames import shown_frames
from blender_addon.motion.weights import Loop


def shown(scene, poses, times, loop=Loop.NONE, first=0, rate=24.0):
    return shown_frames(
        np.array(scene, float), np.array(poses, float), np.array(times, float), loop, first, rate
    ).tolist()


def test_one_frame_a_frame_where_the_rates_are_one():
    assert shown([9, 10, 11, 12, 13, 14], [10, 11, 12, 13], np.arange(4) / 24) == [0, 0, 1, 2, 3, 3]


def test_a_step_leaves_the_clips_own_frames_between_the_poses():
    """Every fifth frame of a clip at 30 per second, in a scene at 24, from the clip's frame 7."""
    times = np.arange(4) * 5 / 30
    assert shown([1, 5, 9, 13], 1 + times * 24, times, first=7, rate=30) == [7, 12, 17, 22]
    assert shown([1, 2, 4, 5, 6], 1 + times * 24, times, first=7, rate=30) == [7, 8, 11, 12, 13]


def test_a_spread_shows_its_own_frames_at_its_poses():
    indices = np.array([0, 5, 11, 16])
    poses = 1 + indices / 12 * 24
    assert shown(poses, poses, indices / 12, rate=12) == indices.tolist()


def test_speed_is_in_the_frames_of_the_poses():
    assert shown([1, 3, 5, 7], [1, 3, 5, 7], np.arange(4) / 24) == [0, 1, 2, 3]
    assert shown([2, 4], [1, 1.5, 2, 2.5], np.arange(4) / 24) == [2, 3]


@pytest.mark.parametrize(
    ("loop", "expected"),
    [
        (Loop.LOOP, [0, 1, 2, 0, 1, 2, 0, 1]),
        (Loop.PING_PONG, [0, 1, 2, 1, 0, 1, 2, 1]),
        (Loop.NONE, [0, 1, 2, 2, 2, 2, 2, 2]),
    ],
)
def test_repeats_follow_the_animations(loop, expected):
    assert shown(range(5, 13), [5, 6, 7], np.arange(3) / 24, loop) == expected


@pytest.mark.parametrize("loop", list(Loop))
def test_seconds_count_from_the_first_pose_and_before_it_the_first_frame_is_shown(loop):
    assert shown([3, 4, 5, 6, 7], [5, 6, 7], 5 + np.arange(3) / 24, loop) == [0, 0, 0, 1, 2]


def test_repeats_of_less_than_a_frame():
    poses, times = [1, 1.25, 1.5], np.arange(3) / 24
    assert shown([1, 2, 3], poses, times, Loop.LOOP) == [0, 1, 2]
    assert shown([1, 1.75, 2, 2.25], poses, times, Loop.PING_PONG) == [0, 1, 0, 1]


@pytest.mark.parametrize("loop", list(Loop))
def test_a_single_pose_shows_its_frame_always(loop):
    assert shown([1, 2, 9], [1], [0.5], loop, first=4) == [4, 4, 4]
