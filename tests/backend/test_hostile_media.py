"""Files that are not what their name says, name other files, or claim more than they hold; and the errors for them."""

import gc
import os
import struct
import threading
import zlib
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import psutil
import pytest

from actionmesh.errors import Cancelled, MediaError
from actionmesh.media.opening import open_sources
from actionmesh.media.reader import open_source, read_clip
from actionmesh.output.appearance import _picture
from actionmesh.progress import Progress
from actionmesh.protocol import FrameChoice

from .animations import chunk
from .apart import read_apart
from .encodings import coded_frames, number_in
from .media_files import numbered_frames, save_pictures, write_video

ALL = FrameChoice()
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n%%EndComments\n(x) run showpage\n%%EOF\n"
IMPOSTORS = {
    "postscript": POSTSCRIPT,
    "binary postscript": b"\xc5\xd0\xd3\xc6"
    + struct.pack("<6IH", 30, len(POSTSCRIPT), 0, 0, 0, 0, 0xFFFF)
    + POSTSCRIPT,
    "vector picture": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="file:///etc/passwd"/></svg>',
    "photoshop": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 48, 64, 8, 3) + bytes(64),
    "metafile": b"\xd7\xcd\xc6\x9a" + bytes(40),
    "animator": struct.pack("<IHHHHHH", 128, 0xAF11, 2, 64, 48, 8, 3) + bytes(200),
    "text": b"\x01\x02 no picture" * 30,
    "nothing": b"",
}


@pytest.fixture
def gs_that_tells(tmp_path, monkeypatch):
    """Put a Ghostscript first on the path that leaves a trace when it is started."""
    folder, trace = tmp_path / "bin", tmp_path / "started"
    folder.mkdir()
    for name in ("gs", "gswin64c", "gswin32c"):
        (folder / name).write_text(f"#!/bin/sh\necho started >> {trace}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return trace


@pytest.mark.fault("A picture that is PostScript started Ghostscript")
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tga", ".gif", ".webp"])
@pytest.mark.parametrize("kind", IMPOSTORS)
def test_what_is_no_picture_is_refused_by_name_and_starts_nothing(tmp_path, gs_that_tells, kind, suffix):
    folder = save_pictures(tmp_path / "walk", numbered_frames(3))
    (folder / f"walk_1{suffix}").write_bytes(IMPOSTORS[kind])
    if suffix != ".png":
        (folder / "walk_1.png").unlink()
        pattern = folder / "*"
    else:
        pattern = folder
    for source in (folder / f"walk_1{suffix}", pattern):
        with pytest.raises(MediaError, match=f"walk_1{suffix}|mixes") as refusal:
            read_clip(str(source), ALL)
        assert refusal.value.cure
    assert not gs_that_tells.exists()


SECRET = "the other file was opened"


def lists_of_files(folder: Path, other: Path) -> dict[str, bytes]:
    """Return files that name another file, as playlists do."""
    named = str(other).encode()
    return {
        "playlist.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n" + named + b"\n#EXT-X-ENDLIST\n",
        "itself.m3u8": b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n" + str(folder / "itself.m3u8").encode() + b"\n",
        "list.ffconcat": b"ffconcat version 1.0\nfile '" + named + b"'\n",
        "renamed.mp4": b"ffconcat version 1.0\nfile '" + named + b"'\n",
        "playlist.mp4": b"#EXTM3U\n#EXTINF:9,\n" + named + b"\n#EXT-X-ENDLIST\n",
        "session.sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        "manifest.mpd": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><BaseURL>'
        + named
        + b"</BaseURL></Period></MPD>",
        "subtitles.srt": b"1\n00:00:00,000 --> 00:00:09,000\nx\n\n",
        "vobsub.idx": b"# VobSub index file, v7\nid: en, index: 0\n",
        "settings.ffmeta": b";FFMETADATA1\ntitle=x\n",
        "list.txt": named + b"\n",
    }


@pytest.mark.fault("A playlist that was given as a video made the program open other files of this computer")
def test_lists_of_other_files_are_no_videos(tmp_path, monkeypatch):
    other = write_video(tmp_path / "other.ts", coded_frames(8))
    os.utime(other, (10**9, 10**9))
    for name, data in lists_of_files(tmp_path, other).items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(MediaError, match=f"{name} is not a video that can be read") as refusal:
            read_clip(str(tmp_path / name), ALL)
        assert "mp4" in refusal.value.cure


@pytest.mark.parametrize(
    "source",
    [
        "concat:a.mp4|b.mp4",
        "subfile,,start,0,end,9,,:/etc/passwd",
        "pipe:0",
        "http://127.0.0.1:1/a.mp4",
        "data:video/mp4;base64,AAAA",
        "file:a.mp4",
        "a\0b.mp4",
        "x" * 5000,
        "",
    ],
)
def test_what_is_no_path_is_refused(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MediaError) as refusal:
        read_clip(source, ALL)
    assert refusal.value.cure


@pytest.mark.skipif(os.name == "nt", reason="such names are for Unix")
@pytest.mark.parametrize("name", ["concat:a.mp4", "pipe:0", "50%d.mp4", "a|b,c.mp4", "-i.mp4", "\udce9t\udce9.mp4"])
def test_a_file_is_opened_whatever_its_name(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(write_video(tmp_path / "plain.mp4", coded_frames(4)).read_bytes())
    assert [number_in(frame) for frame in read_clip(str(path), ALL).frames] == [0, 1, 2, 3]


@pytest.mark.fault("A clip whose title has an umlaut of an old program was called no video")
@pytest.mark.parametrize("name", ["a.avi", "a.mp4", "a.mkv", "a.webm", "a.ts", "a.flv", "a.wmv"])
def test_a_clip_is_read_whatever_its_title_is_written_in(tmp_path, name):
    path = tmp_path / name
    codec = {".webm": "libvpx", ".flv": "flv", ".wmv": "wmv2", ".avi": "mpeg4"}.get(path.suffix, "libx264")
    with av.open(str(path), "w") as container:
        for key in ("title", "service_name", "service_provider"):
            container.metadata[key] = "MARKER_OF_TITLE"
        stream = container.add_stream(codec, rate=24)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        stream.metadata["handler_name"] = stream.metadata["title"] = "MARKER_OF_TITLE"
        for picture in coded_frames(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    data = path.read_bytes()
    marker = "MARKER_OF_TITLE".encode("utf-16-le" if name == "a.wmv" else "ascii")
    assert marker in data
    path.write_bytes(data.replace(marker, b"\xe9\xfc\x80\xd8" + marker[4:]))
    assert len(read_clip(str(path), ALL).frames) == 4


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.fault("A pipe given as a clip stopped the program for good")
@pytest.mark.parametrize("name", ["a.mp4", "a.png", "a.gif"])
def test_pipes_devices_and_circles_are_no_clips(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(MediaError, match="pipe or a device"):
        read_clip(str(tmp_path / name), ALL)
    (tmp_path / "device").symlink_to("/dev/zero")
    with pytest.raises(MediaError, match="pipe or a device"):
        read_clip(str(tmp_path / "device"), ALL)
    (tmp_path / "circle.mp4").symlink_to(tmp_path / "circle.mp4")
    with pytest.raises(MediaError, match="circle.mp4"):
        read_clip(str(tmp_path / "circle.mp4"), ALL)


def blank_png(width: int, height: int) -> bytes:
    """Return a small PNG of a large black picture, one bit per pixel."""
    packer = zlib.compressobj(9)
    row = bytes((width + 7) // 8 + 1)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def y4m(width: int, height: int) -> bytes:
    return f"YUV4MPEG2 W{width} H{height} F25:1 Ip A1:1 C420jpeg\n".encode() + b"FRAME\n" + bytes(64)


@pytest.mark.skipif(os.name == "nt", reason="the resource module is not on Windows")
@pytest.mark.fault("A small PNG of 13 000 x 13 000 pixels took four gigabytes")
def test_pictures_and_videos_of_too_many_pixels_are_refused_before_they_are_decoded(tmp_path):
    for folder, size in (("large", 13000), ("larger", 30000)):
        (tmp_path / folder).mkdir()
        for number in range(2):
            (tmp_path / folder / f"{number}.png").write_bytes(blank_png(size, size))
    (tmp_path / "a.y4m").write_bytes(y4m(30000, 30000))
    (tmp_path / "b.y4m").write_bytes(y4m(100000, 100000))
    with av.open(str(tmp_path / "a.mov"), "w") as container:
        stream = container.add_stream("png", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "monob"
        for number in range(2):
            packet = av.Packet((tmp_path / "large" / "0.png").read_bytes())
            packet.stream, packet.pts, packet.dts, packet.is_keyframe = stream, number, number, True
            packet.time_base = Fraction(1, 24)
            container.mux(packet)
    header = bytearray(write_video(tmp_path / "a.avi", numbered_frames(2), "rawvideo").read_bytes())
    struct.pack_into("<II", header, header.index(b"strf") + 12, 100000, 100000)
    (tmp_path / "a.avi").write_bytes(header)
    (tmp_path / "a.gif").write_bytes(b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b";")
    part = struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\2\1\x4c\0;"
    (tmp_path / "b.gif").write_bytes(b"GIF89a" + struct.pack("<HHBBB", 9, 9, 0, 0, 0) + b"," + part)
    names = ["large", "larger", "a.y4m", "b.y4m", "a.mov", "a.avi", "a.gif", "b.gif"]
    for name, answer in zip(names, read_apart(*(tmp_path / name for name in names)), strict=True):
        assert answer["error"] == "MediaError" and name in answer["words"], answer
        assert answer["grown"] < 400, answer
        assert "pixels" in answer["words"] or name.endswith(("y4m", "mov", "avi"))


@pytest.mark.skipif(os.name == "nt", reason="the resource module is not on Windows")
@pytest.mark.fault("A folder of pictures of 10 000 x 10 000 pixels took gigabytes")
def test_the_largest_pictures_that_are_read_take_little_memory(tmp_path):
    for number in range(2):
        (tmp_path / f"{number}.png").write_bytes(blank_png(10000, 10000))
    (answer,) = read_apart(tmp_path)
    assert answer["frames"] == 2 and answer["grown"] < 1000


@pytest.mark.fault("A small texture of a hundred million pixels and more was decoded for a preview")
def test_a_texture_of_too_many_pixels_is_left_white(tmp_path):
    def texture(data: bytes) -> np.ndarray:
        views = [{"byteOffset": 0, "byteLength": len(data)}]
        gltf = {"textures": [{"source": 0}], "images": [{"bufferView": 0}], "bufferViews": views}
        return _picture(SimpleNamespace(json=gltf, binary=data), 0)

    assert texture(blank_png(13000, 13000)).shape == (1, 1, 3) == texture(POSTSCRIPT).shape
    assert texture(blank_png(40, 30)).shape == (30, 40, 3)


@pytest.mark.fault("A clip in a codec that nothing here knows was a fault of the program's own")
def test_a_codec_without_a_decoder_is_named(tmp_path):
    path = write_video(tmp_path / "a.mp4", numbered_frames(8))
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    with pytest.raises(MediaError, match="a.mp4 is encoded as zzzz, which cannot be decoded here") as refusal:
        read_clip(str(path), ALL)
    assert "H.264" in refusal.value.cure


@pytest.mark.fault('Of a clip that cannot be decoded it was said "choose only frames before 0"')
@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx265"), ("a.webm", "libvpx-vp9"), ("a.mov", "png")]
)
def test_a_stream_that_cannot_be_decoded_is_said_to_be_that(tmp_path, name, codec):
    options = {"x265-params": "log-level=none:pools=none"} if codec == "libx265" else {}
    path = write_video(tmp_path / name, numbered_frames(8), codec, "rgb24" if codec == "png" else "yuv420p", **options)
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(container.streams.video[0]) if packet.size]
    data = bytearray(path.read_bytes())
    for start, size in places:
        data[start + 4 : start + size] = np.random.default_rng(start).integers(0, 256, size - 4, np.uint8).tobytes()
    path.write_bytes(data)
    with pytest.raises(MediaError, match=rf"The pictures of .*{name} cannot be decoded") as refusal:
        read_clip(str(path), ALL)
    assert "H.264" in refusal.value.cure and "before 0" not in str(refusal.value)


@pytest.mark.fault("A clip whose beginning is damaged came without its first second, as if nothing were the matter")
@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("a.mov", "mpeg4"), ("a.avi", "mpeg4"), ("b.avi", "libx264"), ("a.webm", "libvpx")],
)
def test_a_damaged_beginning_is_not_left_out_without_a_word(tmp_path, name, codec):
    path = write_video(tmp_path / name, numbered_frames(30), codec)
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(container.streams.video[0]) if packet.size]
        places = [(packet.pos, packet.size) for packet in packets[:3]]
    data = bytearray(path.read_bytes())
    for start, size in places:
        data[start : start + size] = bytes(size)
    path.write_bytes(data)
    with pytest.raises(MediaError, match="cannot be decoded|damaged at frame 0|not a video that can be read"):
        read_clip(str(path), ALL)


def test_a_clip_damaged_at_its_second_frame_has_no_frames_to_choose(tmp_path):
    path = write_video(tmp_path / "a.mov", numbered_frames(8), "png", "rgb24")
    with av.open(str(path)) as container:
        second = [packet.pos for packet in container.demux(container.streams.video[0]) if packet.size][1]
    data = bytearray(path.read_bytes())
    data[second : second + 60] = bytes(60)
    path.write_bytes(data)
    with pytest.raises(MediaError, match="is damaged at frame 1") as refusal:
        read_clip(str(path), ALL)
    assert "before" not in refusal.value.cure


@pytest.mark.fault("A song with a picture on its cover was taken for a clip of one frame")
def test_a_song_s_cover_is_no_clip(tmp_path):
    path = tmp_path / "a.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=44100)
        cover = container.add_stream("png", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "rgb24"
        cover.disposition = 1 << 10
        container.mux(cover.encode(av.VideoFrame.from_ndarray(numbered_frames(1)[0], format="rgb24")))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4410), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux(sound.encode(frame))
        container.mux(sound.encode())
    with pytest.raises(MediaError, match="contains no pictures"):
        read_clip(str(path), ALL)


@pytest.mark.fault("Counting the frames of a long video could not be stopped")
@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.264", "a.gif"])
def test_counting_can_be_stopped_at_any_packet(tmp_path, name):
    if name == "a.gif":
        path = write_video(tmp_path / name, numbered_frames(100, 16, 16), "gif", "rgb8")
    else:
        path = write_video(tmp_path / name, numbered_frames(100, 16, 16))
    asked = []
    progress = Progress(cancelled=lambda: asked.append(1) or len(asked) > 30)
    with pytest.raises(Cancelled):
        open_sources(str(path), None, progress.check)[0].count()
    assert len(asked) == 31


def decoding_threads() -> int:
    return psutil.Process().num_threads() - threading.active_count()


@pytest.mark.fault("Threads of decoders were left behind by every clip that was read")
def test_decoders_are_closed_with_their_clip_and_not_by_the_garbage_collector(tmp_path):
    whole = write_video(tmp_path / "a.mp4", numbered_frames(30), preset="medium")
    alpha = np.concatenate([numbered_frames(12), np.full((12, 48, 64, 1), 255, np.uint8)], axis=-1)
    options = {"auto-alt-ref": "0", "cpu-used": "8", "deadline": "realtime"}
    clear = write_video(tmp_path / "a.webm", alpha, "libvpx-vp9", "yuva420p", **options)
    broken = tmp_path / "b.mp4"
    data = bytearray(whole.read_bytes())
    data[600:1200] = bytes(600)
    broken.write_bytes(data)
    gc.collect()
    gc.disable()
    before = decoding_threads()
    try:
        for number in range(20):
            read_clip(str(whole), FrameChoice(spread=3))
            read_clip(str(clear), FrameChoice(spread=3))
            next(open_source(str(whole)).read([number]))
            with pytest.raises(MediaError):
                read_clip(str(broken), ALL)
            assert decoding_threads() <= before
        assert not [kept for kept in gc.get_objects() if type(kept) is av.VideoFrame]
    finally:
        gc.enable()
