"""Counts of pictures that hardly differ from the one before."""

import numpy as np

from blender_addon.motion.stills import count_stills, hardly_moves


def picture(place):
    made = np.zeros((50, 50, 4), np.uint8)
    made[10:40, place : place + 10] = 255
    return made


def test_stills_are_counted():
    places = [0, 0, 0, 5, 6, 6]
    assert count_stills(picture(place) for place in places) == (3, 5)
    assert hardly_moves(3, 5) and not hardly_moves(2, 5) and not hardly_moves(0, 0)


def test_noise_is_no_motion():
    noisy = picture(5).copy()
    noisy[0, 0] = 60
    noisy[..., 3] ^= 3
    assert count_stills([picture(5), noisy]) == (1, 1)
