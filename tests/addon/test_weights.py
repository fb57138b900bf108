"""Weight curves: their values are those of linear interpolation between poses."""

import numpy as np
import pytest

from blender_addon.motion.weights import Loop, course, knots, tent

FRAMES = np.array([10.0, 11, 12.5, 16, 17])


def weights_at(frame, loop=Loop.NONE, height=1.0):
    """Return the weights of all poses, (T,)."""
    tents = (tent(FRAMES, pose, loop, height) for pose in range(len(FRAMES)))
    return np.array([np.interp(frame, *points.T) for points in tents])


@pytest.mark.parametrize("height", [1.0, 0.3])
def test_at_a_pose_it_alone_shows(height):
    for pose, frame in enumerate(FRAMES):
        assert np.array_equal(weights_at(frame, height=height), height * np.eye(5)[pose])


@pytest.mark.parametrize("loop", list(Loop))
def test_between_poses_two_weights_add_up_to_one(loop):
    for frame in np.linspace(8, 20, 97):
        weights = weights_at(frame, loop)
        assert weights.sum() == pytest.approx(1) and (weights >= 0).all() and (weights > 1e-12).sum() <= 2
        inside = np.clip(frame, 10, 17)
        if frame <= 17:
            assert weights @ FRAMES == pytest.approx(inside)


@pytest.mark.parametrize("loop", list(Loop))
def test_all_curves_begin_and_end_together_and_are_short(loop):
    tents = [tent(FRAMES, pose, loop) for pose in range(5)]
    assert {(points[0, 0], points[-1, 0]) for points in tents} == {(10, knots(FRAMES, loop)[-1])}
    for points in tents:
        assert len(points) <= 6 and (np.diff(points[:, 0]) > 0).all()


def test_a_loop_ends_on_the_first_pose_a_usual_step_later():
    assert knots(FRAMES, Loop.LOOP)[-1] == 17 + 1.25
    assert np.array_equal(weights_at(18.25, Loop.LOOP), [1, 0, 0, 0, 0])
    assert np.allclose(weights_at(17.625, Loop.LOOP), [0.5, 0, 0, 0, 0.5])
    assert np.array_equal(knots(FRAMES, Loop.PING_PONG), FRAMES) and np.array_equal(knots(FRAMES, Loop.NONE), FRAMES)


def test_course_of_absolute_keys():
    positions = np.array([10.0, 20, 30, 40, 50])
    assert np.array_equal(course(FRAMES, positions), np.stack([FRAMES, positions], axis=1))
    looped = course(FRAMES, positions, Loop.LOOP)
    assert np.array_equal(looped[5:], [[18.24, 50], [18.25, 10]])


@pytest.mark.parametrize("loop", list(Loop))
def test_one_pose(loop):
    assert np.array_equal(tent(FRAMES[:1], 0, loop), [[10, 1]]) and np.array_equal(
        course(FRAMES[:1], FRAMES[:1], loop), [[10, 10]]
    )


@pytest.mark.parametrize("loop", list(Loop))
def test_two_poses(loop):
    ends = [tent(FRAMES[:2], pose, loop) for pose in (0, 1)]
    again = [[12, 1]], [[12, 0]]
    for end, expected, back in zip(ends, ([[10, 1], [11, 0]], [[10, 0], [11, 1]]), again, strict=True):
        assert np.array_equal(end, expected + back if loop == Loop.LOOP else expected)
    looped = [[11.99, 2], [12, 1]] if loop == Loop.LOOP else []
    assert np.array_equal(course(FRAMES[:2], np.array([1.0, 2.0]), loop), [[10, 1], [11, 2], *looped])
