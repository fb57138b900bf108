"""Clicks and drags over a picture as picks in the clip's pixels, and what removes them again."""

import numpy as np
import pytest

from blender_addon.motion import pointing
from blender_addon.motion.pointing import Kind, Pick
from blender_addon.motion.veil import veiled

SIZE = 640, 360
POINT, NOT_POINT = Pick(Kind.POINT, 100, 50, frame=3), Pick(Kind.NOT_POINT, 200, 80, frame=3)
BOX = Pick(Kind.BOX, 40, 20, 240, 140, 3)
PICKS = (POINT, NOT_POINT, BOX)


@pytest.mark.parametrize(
    ("place", "pixel"),
    [((0, 1), (0, 0)), ((0.5, 0.5), (320, 180)), ((0.25, 1), (160, 0)), ((1, 0), (639.99, 359.99)), ((-1, 2), (0, 0))],
)
def test_a_place_is_a_pixel_from_the_top_left_within_the_frame(place, pixel):
    assert pointing.in_pixels(place, SIZE) == pixel


def test_pixels_and_places_lead_to_each_other():
    for x, y in ((0, 0), (17.25, 301.5), (639, 359)):
        assert pointing.in_pixels(pointing.in_picture(x, y, SIZE), SIZE) == pytest.approx((x, y))


@pytest.mark.parametrize(
    ("place", "inside"), [((0, 0), True), ((1, 1), True), ((1.01, 0.5), False), ((0.5, -1), False)]
)
def test_the_picture_ends_at_its_edges(place, inside):
    assert pointing.is_inside(place) is inside


def test_a_click_adds_a_point_and_with_ctrl_one_that_is_not_the_subject():
    assert pointing.clicked((), (7, 8), 3, False, 10) == (Pick(Kind.POINT, 7, 8, frame=3),)
    assert pointing.clicked((POINT,), (300, 200), 3, True, 10) == (POINT, Pick(Kind.NOT_POINT, 300, 200, frame=3))
    assert len(pointing.clicked((POINT,), (101, 51), 3, False, 10)) == 2, "without Ctrl nothing is removed"


@pytest.mark.parametrize(
    ("pixel", "left"),
    [
        ((106, 58), (NOT_POINT, BOX)),
        ((199, 80), (POINT, BOX)),
        ((41, 90), (POINT, NOT_POINT)),
        ((240, 144), (POINT, NOT_POINT)),
        ((36, 16), (POINT, NOT_POINT)),
    ],
)
def test_ctrl_removes_the_nearest_pick_within_reach_and_a_box_at_its_outline(pixel, left):
    assert pointing.clicked(PICKS, pixel, 3, True, 10) == left


@pytest.mark.parametrize("pixel", [(111, 50), (140, 100), (251, 100), (31, 15)])
def test_beyond_reach_ctrl_removes_nothing(pixel):
    assert pointing.clicked(PICKS, pixel, 3, True, 10) == (*PICKS, Pick(Kind.NOT_POINT, *pixel, frame=3))


def test_picks_of_other_frames_stay():
    other = Pick(Kind.POINT, 100, 50, frame=9)
    assert pointing.clicked((other,), (100, 50), 3, True, 10)[0] == other
    assert pointing.of_frame((*PICKS, other), 9) == (other,)
    assert pointing.taken_back((POINT, other), 3) == (other,)
    assert pointing.taken_back((other,), 3) == (other,)
    assert pointing.taken_back(PICKS, 3) == (POINT, NOT_POINT)


def test_picks_of_the_reference_frame_become_those_of_its_number():
    of_reference = Pick(Kind.POINT, 5, 6)
    assert pointing.with_reference((of_reference, POINT), 9) == (Pick(Kind.POINT, 5, 6, frame=9), POINT)


def test_a_drag_in_any_direction_is_a_box_in_place_of_the_earlier_one():
    expected = (POINT, Pick(Kind.BOX, 10, 30, 60, 90, 3))
    for start, end in (((10, 30), (60, 90)), ((60, 90), (10, 30)), ((60, 30), (10, 90))):
        assert pointing.dragged((POINT, BOX), start, end, 3) == expected
    assert pointing.dragged((BOX,), (10, 30), (60, 90), 4) == (BOX, Pick(Kind.BOX, 10, 30, 60, 90, 4))
    for end in ((10, 90), (60, 30)):
        assert pointing.dragged(PICKS, (10, 30), end, 3) == PICKS


def test_texts_are_read_as_on_the_command_line():
    assert pointing.parsed(Kind.POINT, "3,4.5; 12:7,8;") == (Pick(Kind.POINT, 3, 4.5), Pick(Kind.POINT, 7, 8, frame=12))
    assert pointing.parsed(Kind.BOX, "1,2,30,40") == (Pick(Kind.BOX, 1, 2, 30, 40),)
    assert pointing.parsed(Kind.NOT_POINT, " ; ") == ()


@pytest.mark.parametrize("text", ["3", "3,4,5", "x:3,4", "1.5:3,4", ":3,4", "a,b", "-1:3,4"])
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError):
        pointing.parsed(Kind.POINT, text)
    with pytest.raises(ValueError):
        pointing.parsed(Kind.BOX, "1,2,3")


def test_the_subject_stays_as_it_is_and_the_rest_is_dark_behind_an_outline():
    picture = np.full((9, 9, 4), 0.5, np.float32)
    picture[..., 3] = 0
    picture[2:7, 2:7, 3] = 1
    shown = veiled(picture)
    np.testing.assert_allclose(shown[4, 4], (0.5, 0.5, 0.5, 1))
    np.testing.assert_allclose(shown[2, 4], (1, 0.55, 0.1, 1))
    red, green, blue, alpha = shown[0, 0]
    assert red < 0.3 and green < 0.3 and red < blue < 0.5 and alpha == 1
    assert (shown[3:6, 3:6, :3] == 0.5).all() and shown.dtype == np.float32
    assert veiled(np.ones((3, 4, 4), np.float32)).min() == 1, "a subject that fills the frame has no outline"
