"""The picture of a vertex's path: which vertex, and where its line runs."""

import numpy as np

from blender_addon.motion.curve_picture import AFTER, BEFORE, HEIGHT, MARGIN, WIDTH, Course, course_of, draw_course

TIMES = np.linspace(0.0, 1.0, 9)


def test_the_coordinate_that_changed_most_is_shown():
    before = np.zeros((9, 5, 3), np.float32)
    after = before.copy()
    after[4, 2] = (0.1, -3.0, 0.2)
    after[:, 0, 0] = 0.5
    course = course_of(TIMES, before, after)
    np.testing.assert_array_equal(course.after, [0, 0, 0, 0, -3, 0, 0, 0, 0])
    np.testing.assert_array_equal(course.before, 0)


def test_lines_run_from_margin_to_margin_without_holes():
    jump = np.where(np.arange(9) < 4, 0.0, 1.0)
    picture = draw_course(Course(TIMES, jump, np.zeros(9)))
    drawn = picture[..., 3] > 0
    assert picture.shape == (HEIGHT, WIDTH, 4) and drawn[:, MARGIN:-MARGIN].any(axis=0).all()
    assert not drawn[:, :MARGIN].any() and not drawn[:, -MARGIN:].any()
    rows = np.flatnonzero(drawn.any(axis=1))
    assert abs(rows.min() - MARGIN) <= 1 and abs(rows.max() - (HEIGHT - 1 - MARGIN)) <= 1
    assert drawn[rows.min() : rows.max() + 1].any(axis=1).all()
    np.testing.assert_allclose(picture[MARGIN, -MARGIN - 1], AFTER)
    np.testing.assert_allclose(picture[HEIGHT - 1 - MARGIN, -MARGIN - 1], BEFORE)


def test_a_motion_that_stands_still_is_a_line():
    picture = draw_course(Course(TIMES, np.full(9, 2.0), np.full(9, 2.0)))
    assert np.isfinite(picture).all() and (picture[..., 3] > 0).any(axis=0).sum() == WIDTH - 2 * MARGIN
