import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from actionmesh.errors import MediaError
from actionmesh.media import timeline, video
from actionmesh.media.reader import read_clip
from actionmesh.protocol import FrameChoice
from tests.backend.media_files import cut, numbered_frames, numbers_of, turn_mp4, write_video

ALL = FrameChoice()
KINDS = {
    "a.mp4": {"codec": "libx264"},
    "a.mov": {"codec": "mpeg4", "b": "2000000"},
    "a.avi": {"codec": "mpeg4", "b": "2000000", "bf": "2"},
    "a.webm": {"codec": "libvpx-vp9", "crf": "10", "deadline": "realtime", "cpu-used": "8"},
    "a.ts": {"codec": "libx264"},
    "a.264": {"codec": "libx264"},
}


@pytest.fixture(scope="module", params=KINDS)
def any_video(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("videos") / request.param
    return write_video(path, numbered_frames(50), **KINDS[request.param])


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (FrameChoice(start=20, count=4), [20, 21, 22, 23]),
        (FrameChoice(start=1, step=16), [1, 17, 33, 49]),
        (FrameChoice(start=14, count=3, step=13), [14, 27, 40]),
        (FrameChoice(spread=5), [0, 12, 24, 37, 49]),
        (FrameChoice(start=10, count=31, spread=4), [10, 20, 30, 40]),
    ],
)
def test_the_chosen_frames_of_any_video_come_in_order_at_their_times(any_video, choice, expected):
    clip = read_clip(str(any_video), choice)
    assert clip.indices.tolist() == expected == numbers_of(clip.frames[:])
    rate = 25 if any_video.suffix == ".264" else 24
    np.testing.assert_allclose(clip.times, (np.array(expected) - expected[0]) / rate, atol=2e-3)
    assert clip.frames.shape == (len(expected), 48, 64, 4) and not clip.has_alpha and clip.name == any_video.name
    assert (clip.frames[:][..., 3] == 255).all()


def test_another_frame_rate_overrides_the_video_s_own(any_video):
    clip = read_clip(str(any_video), FrameChoice(start=4, count=3, step=2), fps=10)
    np.testing.assert_allclose(clip.times, [0, 0.2, 0.4])


def test_variable_frame_rates_keep_their_times(tmp_path):
    milliseconds = [0, 40, 300, 310, 900, 1000]
    path = write_video(tmp_path / "a.mp4", numbered_frames(6), milliseconds=milliseconds)
    clip = read_clip(str(path), FrameChoice(start=1))
    np.testing.assert_allclose(clip.times, (np.array(milliseconds[1:]) - 40) / 1000, atol=1e-3)


def test_frames_trimmed_off_by_the_container_do_not_count(tmp_path):
    path = write_video(tmp_path / "a.mp4", numbered_frames(40), milliseconds=[40 * (i - 10) for i in range(40)])
    clip = read_clip(str(path), ALL)
    assert numbers_of(clip.frames[:]) == list(range(10, 40)) and clip.indices[0] == 0
    assert numbers_of(read_clip(str(path), FrameChoice(spread=3)).frames[:]) == [10, 24, 39]


def count_decoded(monkeypatch) -> list[int]:
    decoded, decode = [], video._Decoder._decode

    def counted(self):
        for frame, stamp in decode(self):
            decoded.append(stamp)
            yield frame, stamp

    monkeypatch.setattr(video._Decoder, "_decode", counted)
    return decoded


def test_a_long_video_is_decoded_only_around_the_wanted_frames(tmp_path, monkeypatch):
    path = write_video(tmp_path / "long.mp4", numbered_frames(1200, 16, 16), keyframe_every=10)
    decoded = count_decoded(monkeypatch)
    clip = read_clip(str(path), FrameChoice(spread=6))
    assert clip.indices.tolist() == [0, 240, 480, 719, 959, 1199]
    assert numbers_of(clip.frames[:]) == [index % 64 for index in clip.indices]
    assert len(decoded) <= 6 * 10
    decoded.clear()
    read_clip(str(path), FrameChoice(start=600, count=4))
    assert len(decoded) <= 10 + 4


def test_counting_stops_soon_after_the_last_wanted_packet(tmp_path, monkeypatch):
    path = write_video(tmp_path / "long.mp4", numbered_frames(1200, 16, 16))
    seen, packets_of_frames = [], timeline._packets_of_frames

    def counted(container, stream):
        for packet in packets_of_frames(container, stream):
            seen.append(packet.pts)
            yield packet

    monkeypatch.setattr(timeline, "_packets_of_frames", counted)
    read_clip(str(path), FrameChoice(count=4))
    assert len(seen) <= 4 + 64


def test_a_container_that_seeks_too_far_is_read_from_its_start(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.mp4", numbered_frames(50))
    seek = video._Decoder._jump_towards

    def too_far(self, stamp):
        jumped = seek(self, stamp)
        if jumped:
            self._container.seek(self._keyframes[-1], stream=self._stream)
            self._codec.flush_buffers()
        return jumped

    monkeypatch.setattr(video._Decoder, "_jump_towards", too_far)
    clip = read_clip(str(path), FrameChoice(start=2, count=4, step=11))
    assert numbers_of(clip.frames[:]) == [2, 13, 24, 35]


MEMORY_PROBE = """
import sys
from actionmesh.media.reader import read_clip
from actionmesh.protocol import FrameChoice

def peak():  # getrusage would start from the peak of the tests' own process
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) // 1024

read_clip(sys.argv[1], FrameChoice(count=4), max_side=64)
few = peak()
clip = read_clip(sys.argv[1], FrameChoice(), max_side=64)
assert clip.frames.shape == (30, 36, 64, 4), clip.frames.shape
print(peak() - few)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is read from /proc")
def test_memory_does_not_grow_with_the_frames_full_size(tmp_path):
    path = write_video(tmp_path / "large.mp4", numbered_frames(30, 720, 1280), codec="mpeg4")
    paths = os.pathsep.join([str(Path(video.__file__).parents[2])])
    command = [sys.executable, "-c", MEMORY_PROBE, str(path)]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=True)
    all_frames_at_full_size = 30 * 720 * 1280 * 4 / 2**20
    assert int(done.stdout) < all_frames_at_full_size / 4


def test_a_phone_s_upright_video_comes_upright(tmp_path):
    path = write_video(tmp_path / "a.mp4", numbered_frames(30, 48, 64))
    turn_mp4(path)
    frames = read_clip(str(path), FrameChoice(start=20, count=3)).frames[:]
    assert frames.shape == (3, 64, 48, 4)
    assert frames[0, :12, -8:, 0].max() < 20 < frames[0, -16:, :, 0].min()


def test_stretched_pixels_come_square(tmp_path):
    path = write_video(tmp_path / "a.mp4", numbered_frames(3, 48, 64), aspect="2:1")
    assert read_clip(str(path), ALL).frames.shape == (3, 48, 128, 4)


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("a.webm", "libvpx-vp9", "yuva420p"),
        ("b.webm", "libvpx", "yuva420p"),
        ("a.mov", "qtrle", "argb"),
        ("b.mov", "prores_ks", "yuva444p10le"),
    ],
)
def test_video_alpha_is_read(tmp_path, name, codec, pixel_format):
    frames = np.zeros((20, 48, 64, 4), np.uint8)
    frames[..., :3] = (200, 60, 40)
    for number, frame in enumerate(frames):
        frame[10:38, number : number + 30, 3] = 255
    options = {"auto-alt-ref": "0"} if "vpx" in codec else {}
    path = write_video(tmp_path / name, frames, codec, pixel_format, keyframe_every=5, **options)
    clip = read_clip(str(path), FrameChoice(start=3, count=3, step=6))
    assert clip.has_alpha
    np.testing.assert_array_equal(clip.frames[:][..., 3] >= 128, frames[[3, 9, 15], ..., 3] >= 128)
    assert (clip.frames[:][:, :4, :, 3] == 0).all() and (clip.frames[:][0, 20:30, 10:25, 3] == 255).all()


def test_a_sound_file_is_refused(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4410), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(MediaError, match="contains no pictures"):
        read_clip(str(path), ALL)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {"container_options": {"movflags": "faststart"}}),
        ("a.avi", {"codec": "mpeg4"}),
        ("a.webm", {"codec": "libvpx-vp9", "deadline": "realtime", "cpu-used": "8"}),
    ],
)
def test_a_truncated_video_is_refused_with_the_frame_and_read_up_to_it(tmp_path, name, options):
    pictures = np.random.default_rng(0).integers(0, 256, (40, 48, 64, 3), np.uint8)
    path = cut(write_video(tmp_path / name, pictures, **options), 0.8)
    with pytest.raises(MediaError, match=r"is damaged: it ends early, at frame (\d+)\.") as refusal:
        read_clip(str(path), FrameChoice(spread=4))
    breaks_at = int(str(refusal.value).split("at frame ")[1].split(".")[0])
    assert 20 < breaks_at < 40
    assert len(read_clip(str(path), FrameChoice(count=10)).frames) == 10


def test_an_mp4_without_its_index_is_called_damaged(tmp_path):
    path = cut(write_video(tmp_path / "a.mp4", numbered_frames(40)), 0.7)
    with pytest.raises(MediaError, match="is damaged: the index"):
        read_clip(str(path), ALL)


def test_a_video_with_rubbish_in_the_middle_is_refused_near_that_frame(tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (40, 48, 64, 3), np.uint8)
    path = write_video(tmp_path / "a.mp4", pictures, codec="png", pixel_format="rgb24")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20000] = bytes(20000)
    path.write_bytes(data)
    with pytest.raises(MediaError, match=r"is damaged at frame (19|20)\."):
        read_clip(str(path), ALL)
    assert len(read_clip(str(path), FrameChoice(count=15)).frames) == 15
