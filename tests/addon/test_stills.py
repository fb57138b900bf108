"""Counts of pictures that hardly differ from the one before."""

import numpy as np
import pytest

from blender_addon.motion.stills import count_stills, hardly_moves


def picture(place):
    made = np.zeros((50, 50, 4), np.uint8)
    made[10:40, place : place + 10] = 255
    return made


def test_stills_are_counted():
    places = [0, 0, 0, 5, 6, 6]
    assert count_stills(picture(place) for place in places) == (3, 5)
    assert hardly_moves(3, 5) and not hardly_moves(2, 5) and not hardly_moves(0, 0)
    assert hardly_moves(1, 1) and not hardly_moves(1, 2)


def test_noise_is_no_motion():
    noisy = picture(5).copy()
    noisy[0, 0] = 60
    noisy[..., 3] ^= 3
    assert count_stills([picture(5), noisy]) == (1, 1)


@pytest.mark.parametrize(("change", "pixels", "still"), [(8, 1000, True), (9, 1, False), (9, 0, True), (247, 1, False)])
def test_a_picture_moves_if_a_thousandth_of_it_changes_by_more_than_8(change, pixels, still):
    before = np.zeros((20, 50, 4), np.uint8)
    after = before.copy()
    after.reshape(-1, 4)[:pixels, 1] = change
    assert count_stills([before, after]) == count_stills([after, before]) == (int(still), 1)


def test_less_than_a_thousandth_is_no_motion():
    before, after = np.zeros((40, 50, 4), np.uint8), np.zeros((40, 50, 4), np.uint8)
    after[0, 0] = 255
    assert count_stills([before, after]) == (1, 1)
