"""Crops on disk: appended frames come back, in the box around the subject in all frames."""

import numpy as np
import pytest

from actionmesh.errors import OutputError
from actionmesh.media.subject_crops import Box, SubjectCrops, box_of
from tests.full_disk import full_disk


def frame_with(top: int, left: int, height: int, width: int) -> np.ndarray:
    frame = np.zeros((60, 80, 4), np.uint8)
    part = np.random.default_rng(top).integers(0, 256, (height, width, 4), np.uint8)
    part[..., 3] |= 1
    frame[top : top + height, left : left + width] = part
    return frame


def filed(*frames: np.ndarray) -> SubjectCrops:
    crops = SubjectCrops(60, 80)
    for frame in frames:
        crops.append(frame)
    return crops


def test_the_box_is_around_the_subject_in_all_frames():
    frames = [frame_with(10, 20, 5, 30), frame_with(30, 5, 1, 1), np.zeros((60, 80, 4), np.uint8)]
    crops = filed(*frames)
    assert crops.box == Box(10, 5, 21, 45) and len(crops) == 3
    for crop, frame in zip(crops, frames, strict=True):
        np.testing.assert_array_equal(crop, frame[10:31, 5:50])


def test_the_whole_frame_may_be_the_subject():
    frame = frame_with(0, 0, 60, 80)
    np.testing.assert_array_equal(filed(frame)[0], frame)


def test_colours_without_alpha_are_not_the_subject():
    assert box_of(np.zeros((4, 4), bool)) is None
    frame = np.full((60, 80, 4), (9, 9, 9, 0), np.uint8)
    assert filed(frame).box is None


@pytest.mark.fault("A speck in a frame that does not show the subject makes the subject tiny for the networks")
def test_frames_that_are_left_out_do_not_count_for_the_box():
    near, far = frame_with(10, 20, 5, 30), frame_with(59, 0, 1, 1)
    crops = filed(near, far).in_order([0, 0])
    assert crops.box == Box(10, 20, 5, 30) and len(crops) == 2
    np.testing.assert_array_equal(crops[1], near[10:15, 20:50])


def test_reading_beyond_the_last_frame_is_an_error():
    with pytest.raises(IndexError):
        filed(frame_with(1, 1, 2, 2))[1]


def test_a_full_temporary_folder_is_named_with_its_cure(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    crops = filed(frame_with(0, 0, 10, 10))
    with full_disk(1000), pytest.raises(OutputError, match=f"temporary folder {tmp_path}.*TMPDIR"):
        crops.append(frame_with(2, 2, 50, 70))
    np.testing.assert_array_equal(crops[0], frame_with(0, 0, 10, 10)[:10, :10])
