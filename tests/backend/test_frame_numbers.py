"""Sentences count frames as the panels of the program that shows them do."""

import pytest

from actionmesh import frame_numbers
from actionmesh.errors import InputError, MediaError
from actionmesh.frame_numbers import count_from, index_of_frame, number_of
from actionmesh.media.reader import read_clip
from actionmesh.protocol import FrameChoice, Initialize
from actionmesh.service import introduce
from tests.backend.media_files import numbered_frames, write_video


@pytest.fixture(autouse=True)
def counted_from_0_again():
    yield
    count_from(0)


@pytest.mark.fault("In Blender a sentence names frame 5 where the panel counts it as frame 6")
def test_a_client_says_from_which_number_its_frames_count():
    assert number_of(5) == 5
    introduce(Initialize(brief=True, first_frame=1))
    assert number_of(5) == 6
    with pytest.raises(InputError, match=r"reference frame is 9, and 4 frames were chosen. Use 1 to 4."):
        index_of_frame(8, 4, "reference")
    introduce(Initialize(brief=True))
    with pytest.raises(InputError, match=r"reference frame is 8, and 4 frames were chosen. Use 0 to 3."):
        index_of_frame(8, 4, "reference")


@pytest.mark.parametrize(
    ("first", "told"), [(0, "has no frame 9. Start at 0 to 2"), (1, "has no frame 10. Start at 1 to 3")]
)
def test_a_clip_that_is_too_short_is_told_in_these_numbers(tmp_path, first, told):
    count_from(first)
    write_video(tmp_path / "walk.mp4", numbered_frames(4), codec="mpeg4")
    with pytest.raises(MediaError, match=told):
        read_clip(str(tmp_path / "walk.mp4"), FrameChoice(start=9))
    assert frame_numbers.number_of(0) == first
