import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from actionmesh.errors import Cancelled, InputError, MediaError
from actionmesh.media import video
from actionmesh.media.reader import read_clip
from actionmesh.options import FrameChoice
from actionmesh.progress import Progress
from PIL import Image
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


def save_pictures(folder: Path, frames: np.ndarray, names: str = "walk_{}.png") -> Path:
    folder.mkdir(exist_ok=True)
    for number, pixels in enumerate(frames):
        Image.fromarray(pixels).save(folder / names.format(number))
    return folder


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
    assert clip.indices.tolist() == expected == numbers_of(clip.frames)
    rate = 25 if any_video.suffix == ".264" else 24
    np.testing.assert_allclose(clip.times, (np.array(expected) - expected[0]) / rate, atol=2e-3)
    assert clip.frames.shape == (len(expected), 48, 64, 4) and not clip.has_alpha and clip.name == any_video.name
    assert (clip.frames[..., 3] == 255).all()


def test_another_frame_rate_overrides_the_video_s_own(any_video):
    clip = read_clip(str(any_video), FrameChoice(start=4, count=3, step=2), fps=10)
    np.testing.assert_allclose(clip.times, [0, 0.2, 0.4])


def test_variable_frame_rates_keep_their_times(tmp_path):
    milliseconds = [0, 40, 300, 310, 900, 1000]
    path = write_video(tmp_path / "a.mp4", numbered_frames(6), milliseconds=milliseconds)
    clip = read_clip(str(path), FrameChoice(start=1))
    np.testing.assert_allclose(clip.times, (np.array(milliseconds[1:]) - 40) / 1000, atol=1e-3)


def count_decoded(monkeypatch) -> list[int]:
    decoded, decode = [], video._Decoder._decode

    def counted(self):
        for frame in decode(self):
            decoded.append(frame.pts)
            yield frame

    monkeypatch.setattr(video._Decoder, "_decode", counted)
    return decoded


def test_a_long_video_is_decoded_only_around_the_wanted_frames(tmp_path, monkeypatch):
    path = write_video(tmp_path / "long.mp4", numbered_frames(1200, 16, 16), keyframe_every=10)
    decoded = count_decoded(monkeypatch)
    clip = read_clip(str(path), FrameChoice(spread=6))
    assert clip.indices.tolist() == [0, 240, 480, 719, 959, 1199]
    assert numbers_of(clip.frames) == [index % 64 for index in clip.indices]
    assert len(decoded) <= 6 * 10
    decoded.clear()
    read_clip(str(path), FrameChoice(start=600, count=4))
    assert len(decoded) <= 10 + 4


def test_counting_stops_soon_after_the_last_wanted_packet(tmp_path, monkeypatch):
    path = write_video(tmp_path / "long.mp4", numbered_frames(1200, 16, 16))
    seen = []
    shows_a_frame = video._shows_a_frame
    monkeypatch.setattr(video, "_shows_a_frame", lambda *args: seen.append(1) or shows_a_frame(*args))
    read_clip(str(path), FrameChoice(count=4))
    assert len(seen) <= 4 + video.REORDER_MARGIN


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
    assert numbers_of(clip.frames) == [2, 13, 24, 35]


MEMORY_PROBE = """
import resource, sys
from actionmesh.media.reader import read_clip
from actionmesh.options import FrameChoice

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

read_clip(sys.argv[1], FrameChoice(count=4), max_side=64)
few = peak()
clip = read_clip(sys.argv[1], FrameChoice(), max_side=64)
assert clip.frames.shape == (30, 36, 64, 4), clip.frames.shape
print(peak() - few)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the resource module is not on Windows")
def test_memory_does_not_grow_with_the_frames_full_size(tmp_path):
    path = write_video(tmp_path / "large.mp4", numbered_frames(30, 720, 1280), codec="mpeg4")
    paths = os.pathsep.join([str(Path(video.__file__).parents[2])])
    command = [sys.executable, "-c", MEMORY_PROBE, str(path)]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=True)
    all_frames_at_full_size = 30 * 720 * 1280 * 4 / 2**20
    assert int(done.stdout) < all_frames_at_full_size / 4


def test_frames_are_shrunk_and_never_enlarged(tmp_path):
    path = write_video(tmp_path / "a.mp4", numbered_frames(3, 60, 100))
    assert read_clip(str(path), ALL, max_side=50).frames.shape == (3, 30, 50, 4)
    assert read_clip(str(path), ALL, max_side=500).frames.shape == (3, 60, 100, 4)


def test_a_phone_s_upright_video_comes_upright(tmp_path):
    path = write_video(tmp_path / "a.mp4", numbered_frames(30, 48, 64))
    turn_mp4(path)
    frames = read_clip(str(path), FrameChoice(start=20, count=3)).frames
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
    np.testing.assert_array_equal(clip.frames[..., 3] >= 128, frames[[3, 9, 15], ..., 3] >= 128)
    assert (clip.frames[:, :4, :, 3] == 0).all() and (clip.frames[0, 20:30, 10:25, 3] == 255).all()


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_animated_pictures_bring_transparency_and_times(tmp_path, name):
    pictures = []
    for number in range(5):
        pixels = np.zeros((24, 32, 4), np.uint8)
        pixels[6:18, number : number + 12] = (40 * number + 40, 90, 90, 255)
        pictures.append(Image.fromarray(pixels))
    path = tmp_path / name
    options = {"lossless": True} if name == "a.webp" else {"disposal": 2} if name == "a.gif" else {}
    durations = [100, 200, 50, 100, 100]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=durations, loop=0, **options)
    clip = read_clip(str(path), FrameChoice(start=1, count=2, step=2))
    assert clip.has_alpha and clip.indices.tolist() == [1, 3]
    np.testing.assert_allclose(clip.times, [0, 0.25])
    expected = np.stack([np.asarray(pictures[1]), np.asarray(pictures[3])])
    np.testing.assert_array_equal(clip.frames[..., 3], expected[..., 3])
    assert np.abs(clip.frames.astype(int) - expected)[expected[..., 3] > 0].max() <= 8


def test_a_gif_without_times_runs_at_ten_frames_a_second(tmp_path):
    path = tmp_path / "a.gif"
    pictures = [Image.fromarray(pixels) for pixels in numbered_frames(3)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:])
    np.testing.assert_allclose(read_clip(str(path), ALL).times, [0, 0.1, 0.2])


def test_pictures_come_in_natural_order_at_24_frames_a_second(tmp_path):
    folder = save_pictures(tmp_path / "walk", numbered_frames(12))
    (folder / "notes.txt").write_text("no picture")
    (folder / "._walk_0.png").write_bytes(b"what another system leaves behind")
    clip = read_clip(str(folder), ALL)
    assert numbers_of(clip.frames) == list(range(12))
    np.testing.assert_allclose(clip.times, np.arange(12) / 24)
    np.testing.assert_allclose(read_clip(str(folder), ALL, fps=8).times, np.arange(12) / 8)


def test_patterns_pick_their_pictures(tmp_path):
    folder = save_pictures(tmp_path, numbered_frames(3), "walk_{:04d}.png")
    save_pictures(tmp_path, numbered_frames(13)[10:], "other_{}.png")
    for pattern in ("walk_*.png", "walk_%04d.png", "walk_000?.png", "w*k_%d.png"):
        assert numbers_of(read_clip(str(folder / pattern), ALL).frames) == [0, 1, 2]
    with pytest.raises(MediaError, match="holds no pictures"):
        read_clip(str(folder / "walk_%05d.png"), ALL)


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path):
    path = write_video(tmp_path / "50%d.mp4", numbered_frames(3))
    assert len(read_clip(str(path), ALL).frames) == 3


def picture_of(mode: str) -> Image.Image:
    ramp = np.linspace(0, 255, 32)[None].repeat(16, 0)
    if mode == "I;16":
        return Image.fromarray((ramp * 257).astype(np.uint16))
    grey = Image.fromarray(ramp.astype(np.uint8))
    if mode == "P":
        return grey.convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE)
    return grey.convert("RGB").convert(mode)


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [("I;16", ".png"), ("I;16", ".tif"), ("L", ".png"), ("LA", ".png"), ("P", ".png"), ("CMYK", ".jpg"), ("RGB", ".bmp")],
)
def test_any_kind_of_picture_becomes_8_bit_rgba(tmp_path, mode, suffix):
    for number in range(2):
        picture_of(mode).save(tmp_path / f"{number}{suffix}")
    frames = read_clip(str(tmp_path), ALL).frames
    np.testing.assert_allclose(frames[0, 8, :, 0], np.linspace(0, 255, 32), atol=6)


def test_the_camera_s_rotation_is_undone(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for number, pixels in enumerate(numbered_frames(60)[58:]):
        Image.fromarray(pixels).save(tmp_path / f"{number}.jpg", exif=exif)
    frames = read_clip(str(tmp_path), ALL).frames
    assert frames.shape == (2, 64, 48, 4)
    assert frames[0, :12, -8:, 0].max() < 20 < 200 < frames[0, -16:, :, 0].min()


def test_shrinking_keeps_hidden_colours_out_of_the_outline(tmp_path):
    frames = np.zeros((2, 64, 64, 4), np.uint8)
    frames[:, 10:51, 10:51] = (250, 200, 150, 255)
    clip = read_clip(str(save_pictures(tmp_path / "a", frames)), ALL, max_side=16)
    seen = clip.frames[clip.frames[..., 3] > 8]
    assert len(seen) and np.abs(seen[:, :3].astype(int) - (250, 200, 150)).max() <= 2


def mask_frames(count: int, height: int = 48, width: int = 64) -> np.ndarray:
    masks = np.zeros((count, height, width, 3), np.uint8)
    for number, mask in enumerate(masks):
        mask[8:40, 4 + number : 40 + number] = 255
    return masks


def test_a_mask_is_the_alpha_frame_by_frame(tmp_path):
    masks = mask_frames(20)
    masks[:, 20, 20] = 128
    footage = write_video(tmp_path / "a.mp4", numbered_frames(20))
    clip = read_clip(str(footage), FrameChoice(start=2, count=3, step=6), mask=str(save_pictures(tmp_path / "m", masks)))
    assert clip.has_alpha
    np.testing.assert_array_equal(clip.frames[..., 3], masks[[2, 8, 14], ..., 0])
    assert numbers_of(clip.frames) == [2, 8, 14]


def test_a_mask_video_of_another_size_has_clean_black_and_white(tmp_path):
    footage = save_pictures(tmp_path / "a", numbered_frames(20))
    noise = np.random.default_rng(0).integers(-9, 10, (20, 96, 128, 1))
    noisy = (mask_frames(20, 96, 128).astype(int) + noise).clip(0, 255).astype(np.uint8)
    mask = write_video(tmp_path / "mask.mp4", noisy)
    alpha = read_clip(str(footage), ALL, mask=str(mask)).frames[..., 3]
    assert alpha.shape == (20, 48, 64)
    assert (alpha[:, -3:] == 0).all() and (alpha[0, 8:16, 8:16] == 255).all()


def test_a_mask_drawn_on_transparency_is_read_by_what_is_visible(tmp_path):
    masks = np.full((3, 48, 64, 4), 255, np.uint8)
    masks[..., 3] = mask_frames(3)[..., 0]
    footage = save_pictures(tmp_path / "a", numbered_frames(3))
    clip = read_clip(str(footage), ALL, mask=str(save_pictures(tmp_path / "m", masks)))
    np.testing.assert_array_equal(clip.frames[..., 3], masks[..., 3])


def test_a_mask_with_another_number_of_frames_is_refused(tmp_path):
    footage = save_pictures(tmp_path / "a", numbered_frames(5))
    mask = save_pictures(tmp_path / "m", mask_frames(4))
    with pytest.raises(MediaError, match=r"has 5 frames and its mask .* has 4"):
        read_clip(str(footage), ALL, mask=str(mask))


def test_a_mask_of_another_shape_is_refused(tmp_path):
    footage = save_pictures(tmp_path / "a", numbered_frames(3))
    mask = save_pictures(tmp_path / "m", mask_frames(3, 64, 48), "mask_{}.png")
    with pytest.raises(MediaError, match=r"mask_0.png .* 48 x 64 .* 64 x 48"):
        read_clip(str(footage), ALL, mask=str(mask))


def test_frames_of_one_shape_and_two_sizes_are_brought_to_the_first(tmp_path):
    save_pictures(tmp_path, numbered_frames(2))
    Image.fromarray(numbered_frames(3, 96, 128)[2]).save(tmp_path / "walk_2.png")
    frames = read_clip(str(tmp_path), ALL).frames
    assert frames.shape == (3, 48, 64, 4) and numbers_of(frames) == [0, 1, 2]


def test_frames_of_two_shapes_are_refused_by_name(tmp_path):
    save_pictures(tmp_path, numbered_frames(2))
    Image.fromarray(numbered_frames(3, 50, 50)[2]).save(tmp_path / "walk_2.png")
    with pytest.raises(MediaError, match=r"walk_2.png .* 50 x 50 .* walk_0.png, the first, is 64 x 48"):
        read_clip(str(tmp_path), ALL)


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        (FrameChoice(start=6), "has 6 frames, so it has no frame 6"),
        (FrameChoice(start=5), "from frame 5 that leaves 1, and 2 were asked for"),
        (FrameChoice(count=7), "has 6 frames: from frame 0 that leaves 6, and 7 were asked for"),
        (FrameChoice(start=1, count=4, step=2), "from frame 1 in steps of 2 that leaves 3, and 4"),
        (FrameChoice(spread=7), "leaves 6, and 7 were asked for"),
        (FrameChoice(start=3, count=4, spread=2), "leaves 3, and 4 were asked for"),
        (FrameChoice(step=6), "leaves 1, and 2 were asked for"),
    ],
)
def test_frames_that_are_not_there_are_refused_with_their_number(tmp_path, choice, sentence):
    folder = save_pictures(tmp_path / "a", numbered_frames(6))
    movie = write_video(tmp_path / "a.mp4", numbered_frames(6))
    for source in (folder, movie):
        with pytest.raises(MediaError, match=sentence):
            read_clip(str(source), choice)


def test_a_single_frame_is_refused(tmp_path):
    folder = save_pictures(tmp_path / "a", numbered_frames(1))
    movie = write_video(tmp_path / "a.mp4", numbered_frames(1))
    for source in (folder, movie, folder / "walk_0.png"):
        with pytest.raises(MediaError, match="has 1 frame, and an animation needs at least 2"):
            read_clip(str(source), ALL)


def test_what_is_no_clip_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("this is no video\n" * 100)
    (tmp_path / "text.png").write_text("this is no picture\n" * 100)
    (tmp_path / "nothing.mp4").write_bytes(b"")
    for name, sentence in {
        "missing.mp4": "does not exist",
        "missing/*.png": "cannot be read",
        "empty": "holds no pictures",
        "text.mp4": "is no video",
        "nothing.mp4": "is no video",
        "text.png": "no picture",
        "https://example.org/a.mp4": "does not exist",
    }.items():
        source = name if "://" in name else str(tmp_path / name)
        with pytest.raises(MediaError, match=sentence) as refusal:
            read_clip(source, ALL)
        assert Path(name).name in str(refusal.value) or "missing" in str(refusal.value)
        assert refusal.value.cure


def test_a_sound_file_is_refused(tmp_path):
    import av

    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4410), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(MediaError, match="no pictures in it"):
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
    with pytest.raises(MediaError, match=r"is damaged: it breaks off at frame (\d+)\.") as refusal:
        read_clip(str(path), FrameChoice(spread=4))
    breaks_at = int(str(refusal.value).split("at frame ")[1].split(".")[0])
    assert 20 < breaks_at < 40
    assert len(read_clip(str(path), FrameChoice(count=10)).frames) == 10


def test_an_mp4_without_its_index_is_called_damaged(tmp_path):
    path = cut(write_video(tmp_path / "a.mp4", numbered_frames(40)), 0.7)
    with pytest.raises(MediaError, match="is damaged: its index"):
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


def test_truncated_pictures_are_refused_by_name(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (3, 48, 64, 3), np.uint8)
    cut(save_pictures(tmp_path, noise) / "walk_1.png", 0.5)
    with pytest.raises(MediaError, match=r"walk_1.png is damaged .*frame 1"):
        read_clip(str(tmp_path), ALL)


def test_reading_reports_every_frame_and_stops_when_asked(tmp_path):
    folder = save_pictures(tmp_path, numbered_frames(6))
    events = []
    read_clip(str(folder), ALL, progress=Progress(report=events.append))
    assert [event.step for event in events] == list(range(7)) and events[-1].total == 6
    with pytest.raises(Cancelled):
        read_clip(str(folder), ALL, progress=Progress(cancelled=lambda: True))


@pytest.mark.parametrize("numbers", [{"fps": 0.0}, {"fps": float("nan")}, {"max_side": 0}])
def test_numbers_out_of_range_are_refused(tmp_path, numbers):
    with pytest.raises(InputError):
        read_clip(str(tmp_path), ALL, **numbers)
