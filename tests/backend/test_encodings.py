"""However a clip is encoded, reading yields the pictures its player shows, at their times, in any seek order."""

import numpy as np
import pytest

from actionmesh.media.reader import open_source, read_clip
from actionmesh.protocol import FrameChoice

from .encodings import WAYS, number_in

FAULTS = {
    "avi h264 with B": "Of an AVI with B-frames other pictures came than were asked for, and some were called damaged",
    "avi mpeg4 with packed B": "A DivX AVI with packed B-frames lost pictures",
    "ts with one keyframe in ten": "An MPEG-TS clip was called damaged when frames were spread over it",
    "mkv cut at an open group": "A clip cut without encoding it again was called damaged at its last frames",
    "mkv hevc cut at an open group": "An HEVC clip cut without encoding it again was called damaged at its last frames",
    "mkv with several pictures at a time": (
        "Of several pictures with one time stamp the first came, and players show the last"
    ),
    "mp4 edited: a pause and a piece": "A trimmed clip that begins with a pause was called damaged",
    "ts of two recordings": "Two recordings in one .ts file came out shuffled into each other",
    "ts cut within a group": "A broadcast that starts between two keyframes could not be read",
    "mp4 mpeg4 with pictures that are not coded": (
        "Where a video says that its picture stays, the next one came too early"
    ),
    "ts recorded up to its middle": "A broadcast that was recorded to the middle of a picture was called damaged",
    "mp4 whose last picture stays": "A clip whose last picture stays for seconds was called damaged",
}


CASES = [pytest.param(way, marks=pytest.mark.fault(FAULTS[way]) if way in FAULTS else ()) for way in WAYS]


@pytest.fixture(scope="module", params=CASES)
def encoded(request, tmp_path_factory):
    return WAYS[request.param](tmp_path_factory.mktemp("clip"))


def test_every_picture_comes_at_its_time(encoded):
    clip = read_clip(str(encoded.path), FrameChoice())
    assert [number_in(picture) for picture in clip.frames] == list(encoded.numbers)
    np.testing.assert_allclose(clip.times, encoded.seconds, atol=2e-3)


def test_the_same_pictures_come_whatever_is_skipped(encoded):
    numbers = np.array(encoded.numbers)
    for choice in (
        FrameChoice(spread=4),
        FrameChoice(start=2, step=3),
        FrameChoice(start=len(numbers) - 2),
        FrameChoice(count=2),
    ):
        clip = read_clip(str(encoded.path), choice)
        assert [number_in(picture) for picture in clip.frames] == numbers[clip.indices].tolist()
        np.testing.assert_allclose(
            clip.times, encoded.seconds[clip.indices] - encoded.seconds[clip.indices[0]], atol=2e-3
        )


def test_any_two_pictures_can_be_sought(encoded):
    source, total = open_source(str(encoded.path)), len(encoded.numbers)
    for first in range(0, total, 4):
        for second in range(first + 1, total, 3):
            seen = [number_in(picture) for picture, _ in source.read([first, second])]
            assert seen == [encoded.numbers[first], encoded.numbers[second]]
