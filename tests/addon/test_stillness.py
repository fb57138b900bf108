"""When a motion moves: the rest at either end is found, and how much lies between."""

import numpy as np
import pytest

from blender_addon.motion.stillness import course_of

BODY = np.array([(0, 0, 0), (2, 0, 0), (0, 1, 0), (0, 0, 1)], float)
"""3 of its units are 2.25 of the model's, whose first frame is 1.5 long."""


def moved(ways):
    """Return poses whose last vertex moves."""
    poses = np.repeat(BODY[None], len(ways), axis=0)
    poses[:, -1, 2] += ways
    return poses


def test_rest_before_and_after_is_left_out():
    frames = np.arange(10, 18.0)
    course = course_of(frames, moved([0, 0, 0, 1, 2, 3, 3, 3]))
    assert course.moves and course.moving_part == (12, 15)
    assert course.amount == pytest.approx(0.75 * np.mean([0, 1, 2, 3]) / 4)


def test_a_loop_that_begins_at_once_is_kept_whole():
    course = course_of(np.arange(5.0), moved([0, 1, 2, 1, 0]))
    assert course.moving_part == (0, 4)


def test_rest_in_the_middle_stays():
    assert course_of(np.arange(6.0), moved([0, 1, 1, 1, 1, 0])).moving_part == (0, 5)


@pytest.mark.parametrize(("way", "moves"), [(0.0, False), (0.001, False), (0.003, True)])
def test_what_is_too_little_is_none(way, moves):
    course = course_of(np.array([1.0, 5.0]), moved([0, way]))
    assert course.moves == moves and course.moving_part == (1, 5)


def test_the_unit_does_not_matter():
    poses = moved([0, 0, 1, 1])
    one, other = (course_of(np.arange(4.0), scale * poses + shift) for scale, shift in ((1, 0), (1000, (70, 0, 0))))
    assert one.amount == pytest.approx(other.amount) and one.moving_part == other.moving_part == (1, 2)


def test_the_amount_is_the_mean_from_the_first_pose_over_the_moving_part():
    assert course_of(np.arange(5.0), moved([0, 0, 1, 3, 3])).amount == pytest.approx(0.75 * (0 + 1 + 3) / 3 / 4)
    assert course_of(np.arange(3.0), moved([0, 1, 3])).amount == pytest.approx(0.75 * (0 + 1 + 3) / 3 / 4)


def test_all_frames_are_the_moving_part_where_nothing_moves_or_hardly_anything():
    frames = np.array([1.0, 5.0, 9.0])
    assert course_of(frames, moved([0, 0, 0])).moving_part == (1, 9)
    hardly = course_of(frames, moved([0, 0.0014, 0.0007]))
    assert hardly.moves and hardly.moving_part == (1, 9)
    with np.errstate(all="raise"):
        assert not course_of(frames, np.ones((3, 4, 3))).moves
