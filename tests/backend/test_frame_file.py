"""Frames on disk read like an array and take no memory; where they do not fit, the error says what to do."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from actionmesh.errors import OutputError
from actionmesh.media import frame_file
from actionmesh.media.colour_key import find_key
from actionmesh.media.frame_file import FrameFile

from ..full_disk import full_disk
from .media_files import write_video


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 256, (5, 6, 8, 4), np.uint8)


def filed(frames: np.ndarray) -> FrameFile:
    file = FrameFile(*frames.shape[1:3])
    for frame in frames:
        file.append(frame)
    return file


def test_it_reads_like_an_array(frames):
    file = filed(frames)
    assert file.shape == frames.shape and len(file) == 5
    for index in (0, 4, -1, np.int64(2), slice(None), slice(1, 3), slice(4, 9), slice(None, None, -2), slice(3, 3)):
        np.testing.assert_array_equal(file[index], frames[index])
    np.testing.assert_array_equal(np.stack(list(file)), frames)


def test_no_frame_lies_beyond_the_last(frames):
    with pytest.raises(IndexError):
        filed(frames)[5]


def test_what_is_read_is_a_copy(frames):
    file = filed(frames)
    file[2][:] = 0
    np.testing.assert_array_equal(file[2], frames[2])


def test_a_view_with_gaps_is_filed_whole(frames):
    np.testing.assert_array_equal(filed(frames[:, ::2, ::-1])[:], frames[:, ::2, ::-1])


def test_a_frame_of_another_size_is_a_slip(frames):
    with pytest.raises(AssertionError):
        filed(frames).append(frames[0, 1:])


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files in /proc")
def test_the_file_goes_with_its_last_user(frames, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    gc.collect()  # other tests' files
    before = len(os.listdir("/proc/self/fd"))
    file = filed(frames)
    assert list(tmp_path.iterdir()) == [] and len(os.listdir("/proc/self/fd")) == before + 1
    del file
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_full_temporary_folder_is_named_with_its_cure(frames, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    file = filed(frames[:2])
    with (
        full_disk(int(2.5 * frames[0].nbytes)),
        pytest.raises(OutputError, match=f"temporary folder {tmp_path}.*TMPDIR"),
    ):
        file.append(frames[2])
    np.testing.assert_array_equal(file[:], frames[:2])
    file.append(frames[2])
    np.testing.assert_array_equal(file[:], frames[:3])


def test_a_missing_temporary_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(OutputError, match="gone.*No such file"):
        FrameFile(6, 8)


def test_a_background_is_judged_the_same_from_the_file():
    frames = np.full((3, 40, 60, 4), 255, np.uint8)
    frames[:, 10:30, 20:40, :3] = (200, 40, 30)
    np.testing.assert_array_equal(find_key(filed(frames)).typical, find_key(frames).typical)


MEMORY_PROBE = """
import sys
from actionmesh.media.reader import read_clip
from actionmesh.protocol import FrameChoice
from actionmesh.segmentation.choice import cut_out

def peak():  # getrusage would start from the peak of the tests' own process
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])

def prepare(count):
    clip = cut_out(read_clip(sys.argv[1], FrameChoice(count=count)))
    assert len(clip.crops) == count
    return clip

prepare(8)
few = peak()
clip = prepare(96)
assert clip.frames.shape == (96, 480, 640, 4), clip.frames.shape
print((peak() - few) / 1024)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is counted in kilobytes on Linux")
def test_a_longer_clip_takes_no_more_memory(tmp_path):
    frames = np.full((96, 480, 640, 3), 255, np.uint8)
    for number, frame in enumerate(frames):
        frame[200:300, 50 + 4 * number : 150 + 4 * number] = (200, 40, 30)
    path = write_video(tmp_path / "long.mp4", frames, codec="mpeg4")
    command = [sys.executable, "-c", MEMORY_PROBE, str(path)]
    environment = os.environ | {"PYTHONPATH": str(Path(frame_file.__file__).parents[2])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    megabytes_of_88_frames = 88 * 480 * 640 * 4 / 2**20
    assert float(done.stdout) < megabytes_of_88_frames / 3
