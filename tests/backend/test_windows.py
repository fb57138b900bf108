"""Windows over a clip, written out: outward from the anchor, the longer side first."""

import pytest

from actionmesh.errors import InputError
from actionmesh.sampling.windows import sliding_windows


def rising(first, last):
    return list(range(first, last + 1))


def falling(last, first):
    return rising(first, last)[::-1]


@pytest.mark.parametrize(
    ("total", "anchor", "size", "slide", "windows"),
    [
        (5, 2, 16, 15, [[2, 0, 1, 3, 4]]),
        (16, 15, 16, 15, [[15, *range(15)]]),
        (20, 0, 16, 15, [rising(0, 15), rising(4, 19)]),
        (20, 19, 16, 15, [falling(19, 4), falling(15, 0)]),
        (12, 10, 8, 7, [falling(10, 3), falling(7, 0), rising(4, 11)]),
        (9, 5, 8, 1, [falling(5, 0), rising(0, 7), rising(1, 8)]),
        (12, 1, 8, 7, [rising(1, 8), rising(4, 11), falling(7, 0)]),
        (
            30,
            15,
            8,
            5,
            [rising(15, 22), rising(20, 27), rising(22, 29), falling(17, 10), falling(12, 5), falling(7, 0)],
        ),
    ],
)
def test_windows_reach_every_frame_from_the_anchor(total, anchor, size, slide, windows):
    assert sliding_windows(total, anchor, size, slide) == windows


@pytest.mark.parametrize("anchor", [5, -1, 99])
def test_an_anchor_outside_the_clip_is_told(anchor):
    with pytest.raises(InputError, match=f"reference frame is {anchor}, but the clip has 5 frames") as refused:
        sliding_windows(5, anchor, 16, 15)
    assert refused.value.cure == "Choose one from 0 to 4."
    assert sliding_windows(5, 4, 16, 15)


@pytest.mark.parametrize("slide", [0, 8, 9])
def test_a_slide_that_leaves_no_overlap_is_told(slide):
    with pytest.raises(InputError, match=f"Windows of 8 frames cannot slide by {slide}") as refused:
        sliding_windows(20, 0, 8, slide)
    assert refused.value.cure == "Slide by 1 to 7 frames."
    assert sliding_windows(20, 0, 8, 1) and sliding_windows(20, 0, 8, 7)
