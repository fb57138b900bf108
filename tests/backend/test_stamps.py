"""Time stamps that are missing, repeat or restart."""

import pytest

from actionmesh.media.stamps import in_order_of_file, rising


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        ([5, 15, 26], [5, 15, 26]),
        ([None, None, None], [0, 10, 20]),
        ([None, None, 50, 60], [30, 40, 50, 60]),
        ([0, None, None, 30], [0, 10, 20, 30]),
        ([0, None, 9, 19], [0, 10, 20, 30]),
        ([100, 110, 0, 10, 20], [100, 110, 120, 130, 140]),
        ([0, 10, 5000, 5010], [0, 10, 5000, 5010]),
        ([7, 7, 7], [7, 17, 27]),
        ([-20, -10, 0], [-20, -10, 0]),
        ([], []),
    ],
)
def test_each_stamp_is_later_than_the_one_before(stamps, expected):
    assert rising(stamps, 10) == expected


def test_frames_have_the_times_of_the_packets_in_their_order():
    assert in_order_of_file([0, 2, 1, 1, None], 3) == [0, 1, 2]
    assert in_order_of_file([0, 1], 3) == [0, 1, None]
