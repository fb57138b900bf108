"""A clip is read as its player shows it: turned, mirrored, cropped, with square pixels, in screen colours."""

import struct
from itertools import product

import av
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorTrc
from PIL import Image

from actionmesh.errors import MediaError
from actionmesh.media.reader import read_clip
from actionmesh.protocol import FrameChoice

from .encodings import coded_frames, number_in
from .media_files import write_video

ALL = FrameChoice()
ONE = 65536
WAYS_UP = [(a, 0, 0, d) for a, d in product((ONE, -ONE), repeat=2)] + [
    (0, b, c, 0) for b, c in product((ONE, -ONE), repeat=2)
]


def set_matrix(path, matrix) -> None:
    """Write the nine integers of an mp4's display matrix."""
    data = bytearray(path.read_bytes())
    struct.pack_into(">9i", data, data.index(b"tkhd") + 4 + 4 + 20 + 8 + 8, *matrix)
    path.write_bytes(data)


def mapped(stored: np.ndarray, a: int, b: int, c: int, d: int) -> np.ndarray:
    """Return the picture that a matrix shows: the pixel stored at (x, y) appears at (ax + cy, bx + dy)."""
    height, width = stored.shape[:2]
    y, x = np.mgrid[:height, :width]
    across, down = (a * x + c * y) // ONE, (b * x + d * y) // ONE
    across, down = across - across.min(), down - down.min()
    seen = np.zeros((down.max() + 1, across.max() + 1, stored.shape[2]), stored.dtype)
    seen[down, across] = stored
    return seen


@pytest.mark.fault("A mirrored phone video came upside down")
def test_the_nine_integers_of_a_mirrored_phone_video(tmp_path):
    path = write_video(tmp_path / "a.mp4", coded_frames(4)[:, :, ::-1].copy(), preset="ultrafast")
    set_matrix(path, (-ONE, 0, 0, 0, ONE, 0, 64 * ONE, 0, 1 << 30))
    assert [number_in(frame) for frame in read_clip(str(path), ALL).frames] == [0, 1, 2, 3]


@pytest.mark.fault("A video that is turned or mirrored in one of the eight ways came in another")
@pytest.mark.parametrize("way", WAYS_UP)
@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
def test_all_eight_ways_up(tmp_path, way, name):
    upright = coded_frames(3)
    a, b, c, d = way
    stored = np.stack([mapped(frame, a, c, b, d) for frame in upright])
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"preset": "ultrafast", "crf": "4"})
        stream.height, stream.width = stored.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.set_display_matrix((a, b, 0, c, d, 0, 0, 0, 1 << 30))
        for picture in stored:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    frames = read_clip(str(path), ALL).frames[:]
    assert frames.shape == (3, 48, 64, 4)
    assert [number_in(frame) for frame in frames] == [0, 1, 2]


@pytest.mark.parametrize(("degrees", "shape"), [(80, (64, 48)), (10, (48, 64)), (-100, (64, 48)), (187, (48, 64))])
def test_another_angle_is_taken_for_the_nearest_quarter(tmp_path, degrees, shape):
    path = write_video(tmp_path / "a.mp4", coded_frames(3), preset="ultrafast")
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    set_matrix(path, [*(int(ONE * part) for part in (cosine, sine, 0, -sine, cosine, 0, 0, 0)), 1 << 30])
    assert read_clip(str(path), ALL).frames.shape == (3, *shape, 4)


@pytest.mark.parametrize("matrix", [(0,) * 9, (2**31 - 1,) * 9, (-(2**31),) * 9])
def test_a_matrix_of_nonsense_leaves_the_frames_readable(tmp_path, matrix):
    path = write_video(tmp_path / "a.mp4", coded_frames(3), preset="ultrafast")
    set_matrix(path, matrix)
    try:
        assert len(read_clip(str(path), ALL).frames) == 3
    except MediaError as error:
        assert "pixels" in str(error)


@pytest.mark.fault("A turned WebM with transparency came lying on its side")
def test_a_turned_video_with_alpha_keeps_both(tmp_path):
    frames = np.concatenate([coded_frames(3), np.full((3, 48, 64, 1), 255, np.uint8)], axis=-1)
    frames[:, :4, :, 3] = 0
    stored = np.stack([np.rot90(frame) for frame in frames])
    path = tmp_path / "a.webm"
    with av.open(str(path), "w") as container:
        options = {"auto-alt-ref": "0", "deadline": "realtime", "cpu-used": "8", "crf": "10"}
        stream = container.add_stream("libvpx-vp9", rate=24, options=options)
        stream.height, stream.width = stored.shape[1:3]
        stream.pix_fmt = "yuva420p"
        stream.set_display_rotation(-90)
        for picture in stored:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgba")))
        container.mux(stream.encode())
    clip = read_clip(str(path), ALL)
    assert clip.has_alpha and clip.frames.shape == (3, 48, 64, 4)
    assert [number_in(frame) for frame in clip.frames] == [0, 1, 2]
    assert clip.frames[0][:3, :, 3].max() < 30 < 220 < clip.frames[0][6:, :, 3].min()


@pytest.mark.parametrize(("aspect", "width"), [("1:2", 16), ("4:3", 43), ("10:1", 320)])
def test_any_shape_of_pixels_comes_square(tmp_path, aspect, width):
    path = write_video(tmp_path / "a.mp4", coded_frames(3, 48, 32), aspect=aspect, preset="ultrafast")
    frames = read_clip(str(path), ALL).frames[:]
    assert frames.shape == (3, 48, width, 4) and [number_in(frame) for frame in frames] == [0, 1, 2]


@pytest.mark.fault("A video that says its pixels are hundreds of times as wide as high filled the memory")
@pytest.mark.parametrize("aspect", [(200, 1), (1, 200), (2**31 - 1, 1), (1, 2**31 - 1)])
def test_pixels_of_no_sensible_shape_are_refused(tmp_path, aspect):
    path = write_video(tmp_path / "a.mp4", coded_frames(3), aspect="2:1", preset="ultrafast")
    data = bytearray(path.read_bytes())
    struct.pack_into(">II", data, data.index(b"pasp") + 4, *aspect)
    path.write_bytes(data)
    with pytest.raises(MediaError, match="a.mp4 claims that its pixels are .* times as wide as high"):
        read_clip(str(path), ALL)


def clip_with_clap(path, width: int, height: int, across: int, down: int):
    """Put a clean aperture into an mp4: its size, and the offset of its centre from the frame's."""
    data = bytearray(write_video(path, coded_frames(3), preset="ultrafast").read_bytes())
    box = struct.pack(">I4s8i", 40, b"clap", width, 1, height, 1, across, 1, down, 1)
    entry = data.index(b"avc1", data.index(b"stsd")) - 4
    size = struct.unpack_from(">I", data, entry)[0]
    data[entry + size : entry + size] = box
    for place in [entry, *(data.index(name) - 4 for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"))]:
        struct.pack_into(">I", data, place, struct.unpack_from(">I", data, place)[0] + 40)
    path.write_bytes(data)
    return path


@pytest.mark.fault("What a mov says is beyond its picture (clean aperture) came into the frames")
def test_a_clean_aperture_crops(tmp_path):
    path = clip_with_clap(tmp_path / "a.mp4", 40, 30, 4, -6)
    uncropped = read_clip(str(write_video(tmp_path / "b.mp4", coded_frames(3), preset="ultrafast")), ALL).frames[:]
    np.testing.assert_array_equal(read_clip(str(path), ALL).frames[:], uncropped[:, 3:33, 16:56])


@pytest.mark.parametrize("bottom_first", [False, True])
@pytest.mark.fault("A moving subject of an interlaced recording had the teeth of a comb")
def test_of_an_interlaced_frame_one_moment_is_shown(tmp_path, bottom_first):
    frames = np.full((6, 48, 64, 3), 40, np.uint8)
    for number, frame in enumerate(frames):
        for field in range(2):
            start = 10 * number + 5 * field
            frame[field ^ bottom_first :: 2, start : start + 5] = 230
    field_order = "bff=1" if bottom_first else "tff=1"
    path = write_video(tmp_path / "a.mp4", frames, preset="medium", **{"x264-params": f"{field_order}:crf=1"})
    seen = read_clip(str(path), ALL).frames[:][..., 0].astype(int)
    for number, picture in enumerate(seen):
        bright = (picture > 135).mean(axis=0)
        assert (
            bright[10 * number + 1 : 10 * number + 4].min() == 1
            and bright[10 * number + 6 : 10 * number + 9].max() == 0
        )


def hdr_clip(path, trc: ColorTrc, codes: list[int]):
    """Write a 10-bit clip of grey bars of these codes."""
    bars = np.repeat(np.array(codes, np.uint16), 64 // len(codes))
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx265",
            rate=24,
            options={"preset": "ultrafast", "x265-params": "log-level=none:pools=none:lossless=1"},
        )
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p10le"
        stream.codec_context.color_trc, stream.codec_context.color_primaries = trc, ColorPrimaries.BT2020
        stream.codec_context.colorspace, stream.codec_context.color_range = 9, 1
        for _ in range(3):
            planes = np.concatenate([np.tile(bars, (48, 1)), np.full((24, 64), 512, np.uint16)])
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p10le")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.fault("An HDR video of a phone came pale and grey")
@pytest.mark.parametrize(
    ("trc", "codes", "expected"),
    [
        # codes of black, of a quarter of the reference white (203 cd/m2), and of that white, by BT.2100
        (ColorTrc.SMPTE2084, [64, 64 + round(876 * 0.4385), 64 + round(876 * 0.5807), 940], [0, 137, 244, 255]),
        (ColorTrc.ARIB_STD_B67, [64, 64 + round(876 * 0.5), 64 + round(876 * 0.75), 940], [0, 137, 244, 255]),
    ],
)
def test_hdr_comes_in_the_brightness_of_a_screen(tmp_path, trc, codes, expected):
    picture = read_clip(str(hdr_clip(tmp_path / "a.mp4", trc, codes)), ALL).frames[0]
    np.testing.assert_allclose(picture[24, 8::16, 0], expected, atol=14)


@pytest.mark.parametrize(
    ("pixel_format", "range_"), [("yuv420p", "tv"), ("yuvj420p", "pc"), ("yuv444p", "tv"), ("gray", "tv")]
)
def test_black_and_white_are_black_and_white_in_either_range(tmp_path, pixel_format, range_):
    frames = np.zeros((3, 48, 64, 3), np.uint8)
    frames[:, :, 32:] = 255
    path = write_video(tmp_path / "a.mp4", frames, pixel_format=pixel_format, preset="ultrafast")
    picture = read_clip(str(path), ALL).frames[0]
    assert picture[:, :28, :3].max() <= 3 and picture[:, 36:, :3].min() >= 252


@pytest.mark.fault("In clips of some widths the last columns were rubbish, and taken for transparency")
@pytest.mark.parametrize(
    ("codec", "pixel_format"), [("libx264", "yuv420p"), ("libx264", "yuv422p"), ("libx264", "yuvj420p")]
)
def test_every_column_of_a_frame_is_the_clip_s(tmp_path, codec, pixel_format):
    for width in [*range(16, 70, 2), 180, 500, 900]:
        frames = np.full((2, 34, width, 3), 200, np.uint8)
        path = write_video(tmp_path / f"{width}.mp4", frames, codec, pixel_format, preset="ultrafast")
        clip = read_clip(str(path), ALL)
        assert not clip.has_alpha and clip.frames[:][..., 3].min() == 255, width
        assert np.abs(clip.frames[:][..., :3].astype(int) - 200).max() <= 4, width


@pytest.mark.fault("In clips with transparency of some widths the last columns were rubbish")
def test_every_column_of_a_frame_with_alpha_is_the_clip_s(tmp_path):
    options = {"auto-alt-ref": "0", "deadline": "realtime", "cpu-used": "8", "crf": "4"}
    for width in (17, 68, 180, 321):
        frames = np.full((2, 34, width, 4), 200, np.uint8)
        path = write_video(tmp_path / f"{width}.webm", frames, "libvpx-vp9", "yuva420p", **options)
        assert np.abs(read_clip(str(path), ALL).frames[:].astype(int) - 200).max() <= 6, width


@pytest.mark.fault("A picture that its camera's tag turns or mirrors came in another way")
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_in_the_eight_ways_of_their_cameras(tmp_path, suffix, orientation):
    steps_from_upright = {1: "", 2: "h", 3: "hv", 4: "v", 5: "t", 6: "tv", 7: "thv", 8: "th"}
    for number, picture in enumerate(coded_frames(3)):
        stored = picture
        for step in steps_from_upright[orientation]:
            stored = {"h": stored[:, ::-1], "v": stored[::-1], "t": stored.swapaxes(0, 1)}[step]
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / f"{number}{suffix}", exif=exif)
    frames = read_clip(str(tmp_path), ALL).frames[:]
    assert frames.shape == (3, 48, 64, 4) and [number_in(frame) for frame in frames] == [0, 1, 2]


@pytest.mark.parametrize(
    ("height", "tags", "matrix"),
    [
        (48, {}, "601"),
        (720, {}, "709"),
        (48, {"colorspace": 1}, "709"),
        (720, {"colorspace": 6}, "601"),
    ],
)
def test_colours_are_those_of_the_matrix_that_is_named_or_usual(tmp_path, height, tags, matrix):
    red = {"601": (81, 90, 240), "709": (63, 102, 240)}[matrix]
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"preset": "ultrafast", "crf": "1"})
        stream.height, stream.width, stream.pix_fmt = height, 64, "yuv444p"
        stream.codec_context.colorspace = tags.get("colorspace", 2)
        for _ in range(2):
            planes = np.stack([np.full((height, 64), value, np.uint8) for value in red])
            frame = av.VideoFrame.from_ndarray(planes, format="yuv444p")
            frame.colorspace = tags.get("colorspace", 2)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    seen = read_clip(str(path), ALL).frames[0][4:-4, 4:-4, :3].reshape(-1, 3).mean(axis=0)
    np.testing.assert_allclose(seen, (255, 0, 0), atol=6)
