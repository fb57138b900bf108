"""One clip, encoded in many ways. Each picture holds its number as bits, which can be read from the decoded picture."""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from .media_files import write_video

COUNT = 18
BITS = 5

ONE = 65536
STEP = 40
"""Milliseconds from one picture to the next: 25 a second."""


def coded_frames(count: int = COUNT, height: int = 48, width: int = 64) -> np.ndarray:
    """Return (T, H, W, 3) uint8 frames: grey, with a red upper left corner.

    Below the corner is the picture's number in black and white blocks.
    """
    frames = np.full((count, height, width, 3), 110, np.uint8)
    frames[:, : height // 3, : width // 4] = (230, 20, 20)
    for number, frame in enumerate(frames):
        for bit in range(BITS):
            frame[height // 2 + 2 : -2, bit * width // BITS : (bit + 1) * width // BITS] = (
                235 if number >> bit & 1 else 16
            )
    return frames


def number_in(picture: np.ndarray) -> int:
    """Return the number in a picture (H, W, 3 or 4) of `coded_frames` at any size; -1 if it is not upright."""
    height, width = picture.shape[:2]
    corner = picture[height // 12 : height // 4, width // 16 : width // 5, :3].reshape(-1, 3).mean(axis=0)
    other = picture[height // 12 : height // 4, -width // 5 : -width // 16, :3].reshape(-1, 3).mean(axis=0)
    coloured = np.ptp(corner) > 20
    if corner[0] < corner[1] + 60 or other[0] > other[1] + 60 if coloured else corner[0] > other[0] - 15:
        return -1
    row = picture[height * 3 // 4, :, :3].mean(axis=1)
    return sum(int(row[(2 * bit + 1) * width // (2 * BITS)] > 127) << bit for bit in range(BITS))


@dataclass(frozen=True)
class Encoded:
    """A clip, and what its player shows: the numbers of its pictures, and when, in milliseconds from the first."""

    path: Path
    numbers: Sequence[int] = tuple(range(COUNT))
    milliseconds: Sequence[float] | None = None

    @property
    def seconds(self) -> np.ndarray:
        times = STEP * np.arange(len(self.numbers)) if self.milliseconds is None else np.array(self.milliseconds)
        return (times - times[0]) / 1000


def plain(
    name: str,
    codec: str,
    pixel_format: str = "yuv420p",
    every: int = 6,
    frames: np.ndarray | None = None,
    **options: str,
):
    """Return a function that encodes the clip as it is; underscores in names of encoder options stand for hyphens."""

    def make(folder: Path) -> Encoded:
        named = {_spelt(key): value for key, value in options.items() if not key.startswith("container")}
        into = {key.removeprefix("container_"): value for key, value in options.items() if key.startswith("container")}
        pictures = coded_frames() if frames is None else frames
        return Encoded(
            write_video(folder / name, pictures, codec, pixel_format, 25, every, container_options=into, **named)
        )

    return make


def _spelt(option: str) -> str:
    return option if option == "sc_threshold" else option.replace("_", "-")


X264 = {"preset": "medium", "bf": "3", "b_adapt": "0", "b_pyramid": "none", "sc_threshold": "0"}
OPEN_264 = "open-gop=1:keyint=6:min-keyint=6:bframes=3:b-adapt=0:scenecut=0"
RADL_265 = "open-gop=0:radl=2:keyint=6:min-keyint=6:bframes=3:b-adapt=0:scenecut=0:log-level=none:pools=none"
OPEN_265 = "open-gop=1:keyint=6:min-keyint=6:bframes=3:b-adapt=0:scenecut=0:log-level=none:pools=none"


def timed(
    name: str, milliseconds: Sequence[int], codec: str = "libx264", shown: Sequence[int] | None = None, **options: str
):
    """Return a function that encodes pictures at these times; `shown` are those that players show."""

    def make(folder: Path) -> Encoded:
        frames = coded_frames(len(milliseconds))
        write_video(folder / name, frames, codec, rate=25, keyframe_every=6, milliseconds=list(milliseconds), **options)
        seen = list(range(len(milliseconds))) if shown is None else list(shown)
        return Encoded(folder / name, seen, [milliseconds[number] for number in seen])

    return make


def copied(
    name: str, make: Callable[[Path], Encoded], first: int, lost: int, container: str | None = None, key: bool = True
):
    """Return a function that cuts a clip without re-encoding, from keyframe `first` on; its first pictures are lost."""

    def make_cut(folder: Path) -> Encoded:
        whole, path = make(folder), folder / name
        with av.open(str(whole.path)) as source, av.open(str(path), "w", format=container) as sink:
            stream = source.streams.video[0]
            target = sink.add_stream_from_template(stream)
            packets = [packet for packet in source.demux(stream) if packet.size]
            keyframes = [place for place, packet in enumerate(packets) if packet.is_keyframe]
            for packet in packets[keyframes[first] if key else first :]:
                packet.stream = target
                sink.mux(packet)
        return Encoded(path, list(whole.numbers[lost:]))

    return make_cut


def staying(folder: Path) -> Encoded:
    """Write a clip whose last picture stays for nine seconds, as in screen recordings."""
    whole = plain("whole.mp4", "libx264", bf="0", preset="ultrafast")(folder)
    path = folder / "staying.mp4"
    with av.open(str(whole.path)) as source, av.open(str(path), "w") as sink:
        stream = source.streams.video[0]
        target = sink.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.size:
                packet.duration = (
                    9 * 25 * packet.duration if packet.pts == (COUNT - 1) * packet.duration else packet.duration
                )
                packet.stream = target
                sink.mux(packet)
    return Encoded(path)


def repeated(folder: Path) -> Encoded:
    """Write several pictures with one time stamp: players show the last of them."""
    whole = plain("whole.avi", "mjpeg", "yuvj420p", q="2")(folder)
    milliseconds = [0, 40, 40, 80, 120, 120, 120, *range(160, 600, 40)]
    path = folder / "repeated.mkv"
    with av.open(str(whole.path)) as source, av.open(str(path), "w") as sink:
        stream = source.streams.video[0]
        target = sink.add_stream_from_template(stream)
        for packet, when in zip((packet for packet in source.demux(stream) if packet.size), milliseconds, strict=True):
            packet.stream, packet.time_base, packet.pts, packet.dts, packet.duration = (
                target,
                Fraction(1, 1000),
                when,
                when,
                40,
            )
            sink.mux(packet)
    seen = [0, 2, 3, 6, *range(7, COUNT)]
    return Encoded(path, seen, [milliseconds[number] for number in seen])


def uncoded(folder: Path) -> Encoded:
    """Write MPEG-4 in which two of the pictures are only a header that says "as before".

    Players keep the earlier picture on the screen.
    """
    seen = [{4: 3, 9: 8}.get(number, number) for number in range(COUNT)]
    whole = plain("whole.mp4", "mpeg4", every=100, frames=coded_frames()[seen], b="3000000")(folder)
    path = folder / "uncoded.mp4"
    with av.open(str(whole.path)) as source, av.open(str(path), "w") as sink:
        stream = source.streams.video[0]
        target = sink.add_stream_from_template(stream)
        for number, packet in enumerate(packet for packet in source.demux(stream) if packet.size):
            if number in (4, 9):
                empty = av.Packet(b"\x00\x00\x01\xb6" + int(f"0101{number:05b}1001111111111111", 2).to_bytes(3, "big"))
                empty.pts, empty.dts, empty.duration, empty.time_base = (
                    packet.pts,
                    packet.dts,
                    packet.duration,
                    packet.time_base,
                )
                packet = empty
            packet.stream = target
            sink.mux(packet)
    return Encoded(path, seen)


def joined(folder: Path) -> Encoded:
    """Write two recordings of a camera in one file, one after the other: the time stamps restart."""
    parts = []
    for part, numbers in enumerate((slice(0, 9), slice(9, 18))):
        parts.append(write_video(folder / f"{part}.ts", coded_frames()[numbers], rate=25, keyframe_every=4))
    path = folder / "joined.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return Encoded(path)


def recorded(codec: str, before: float, after: float, first: int, last: int, **options: str):
    """Return a function that records from a broadcast, without those shares of its bytes at either end."""

    def make(folder: Path) -> Encoded:
        noise = np.random.default_rng(0).integers(0, 60, (COUNT, 48, 64, 3), np.uint8)
        whole = write_video(folder / "whole.ts", coded_frames() // 2 + noise + 20, codec, "yuv420p", 25, 6, **options)
        data, path = whole.read_bytes(), folder / "recorded.ts"
        path.write_bytes(data[int(before * len(data)) : int((1 - after) * len(data))])
        return Encoded(path, [number for number in range(COUNT) if first <= number <= last])

    return make


def packed(folder: Path) -> Encoded:
    """Write DivX's packed B-frames: a P picture and the B picture before it share a packet; an empty packet follows."""
    source = write_video(
        folder / "plain.avi", coded_frames(), "mpeg4", rate=25, keyframe_every=100, b="3000000", bf="1"
    )
    path = folder / "packed.avi"
    with av.open(str(source)) as whole, av.open(str(path), "w") as sink:
        stream = whole.streams.video[0]
        target = sink.add_stream("mpeg4", rate=25)
        target.width, target.height, target.pix_fmt = 64, 48, "yuv420p"
        packets = [bytes(packet) for packet in whole.demux(stream) if packet.size]
        for number, data in enumerate(_pack(packets)):
            packet = av.Packet(data)
            packet.stream, packet.pts, packet.dts, packet.time_base = target, number, number, Fraction(1, 25)
            packet.is_keyframe = number == 0
            sink.mux(packet)
    return Encoded(path)


def _pack(packets: list[bytes]) -> list[bytes]:
    userdata = b"\x00\x00\x01\xb2DivX503b1393p"
    first = packets[0].index(b"\x00\x00\x01\xb6")
    start = packets[0].index(b"\x00\x00\x01\xb2") if b"\x00\x00\x01\xb2" in packets[0] else first
    result = [packets[0][:start] + userdata + packets[0][first:]]
    kinds = [packet[packet.index(b"\x00\x00\x01\xb6") + 4] >> 6 for packet in packets]
    place = 1
    while place < len(packets):
        if place + 1 < len(packets) and kinds[place + 1] == 2:
            result += [packets[place] + packets[place + 1], b"\x00\x00\x01\xb6\x5f\x00\x00"]
            place += 2
        else:
            result.append(packets[place])
            place += 1
    return result


def animated(name: str, **options: object):
    """Return a function that writes the clip as an animated picture with Pillow."""

    def make(folder: Path) -> Encoded:
        pictures = [Image.fromarray(frame) for frame in coded_frames()]
        pictures[0].save(folder / name, save_all=True, append_images=pictures[1:], duration=STEP, loop=0, **options)
        return Encoded(folder / name)

    return make


def with_alpha(frames: np.ndarray) -> np.ndarray:
    """Write the pictures with a transparent frame of four pixels around them."""
    alpha = np.zeros((*frames.shape[:3], 1), np.uint8)
    alpha[:, 2:-2, 2:-2] = 255
    return np.concatenate([frames, alpha], axis=-1)


def cut_by_its_index(folder: Path) -> Encoded:
    """Write pictures before time zero, which others need for decoding and an edit list hides."""
    times = [STEP * (number - 7) for number in range(COUNT)]
    made = timed("edited.mp4", times)(folder)
    return Encoded(made.path, made.numbers[7:], made.milliseconds[7:])


def tail_cut_by_its_index(folder: Path) -> Encoded:
    """Write an edit list that ends before the pictures do, as phones do when a video is trimmed."""
    made = plain("whole.mp4", "libx264", **X264)(folder)
    data = bytearray(made.path.read_bytes())
    edits = data.index(b"elst") + 4
    duration, start = struct.unpack_from(">Ii", data, edits + 8)
    struct.pack_into(">I", data, edits + 8, duration * 10 // COUNT)
    path = folder / "trimmed.mp4"
    path.write_bytes(data)
    return Encoded(path, list(range(10)))


def edited(*edits: tuple[int, int]):
    """Return a function that plays pieces of the clip in turn by an edit list.

    An edit is (first picture, number of pictures); a first picture of -1 is a pause.
    """

    def make(folder: Path) -> Encoded:
        path = plain("whole.mp4", "libx264", bf="0", preset="ultrafast")(folder).path
        data = bytearray(path.read_bytes())
        place, a_picture = data.index(b"elst"), 12800 // 25
        entries = [(count * STEP, -1 if first < 0 else first * a_picture, ONE) for first, count in edits]
        box = struct.pack(">I4sII", 16 + 12 * len(edits), b"elst", 0, len(edits))
        box += b"".join(struct.pack(">IiI", *entry) for entry in entries)
        grown = len(box) - struct.unpack_from(">I", data, place - 4)[0]
        data[place - 4 : place - 4 + len(box) - grown] = box
        for name in (b"moov", b"trak", b"edts"):
            start = data.index(name) - 4
            struct.pack_into(">I", data, start, struct.unpack_from(">I", data, start)[0] + grown)
        edited_path = folder / "edited.mp4"
        edited_path.write_bytes(data)
        return Encoded(edited_path, [first + number for first, count in edits if first >= 0 for number in range(count)])

    return make


COLOURED = coded_frames()
WAYS: dict[str, Callable[[Path], Encoded]] = {
    "mp4 h264 without B": plain("a.mp4", "libx264", bf="0", preset="ultrafast"),
    "mp4 h264 with B": plain("a.mp4", "libx264", **X264),
    "mp4 h264 with a pyramid of B": plain("a.mp4", "libx264", **X264 | {"b_pyramid": "normal", "bf": "7"}),
    "mp4 index first": plain("a.mp4", "libx264", container_movflags="faststart", **X264),
    "mp4 in fragments": plain("a.mp4", "libx264", container_movflags="frag_keyframe+empty_moov", **X264),
    "mp4 open groups": plain("a.mp4", "libx264", x264_params=OPEN_264, preset="medium", bf="3"),
    "mp4 intra refresh": plain("a.mp4", "libx264", preset="medium", bf="0", intra_refresh="1"),
    "mp4 interlaced": plain("a.mp4", "libx264", preset="medium", bf="2", x264_params="tff=1"),
    "mp4 hevc": plain(
        "a.mp4", "libx265", preset="ultrafast", x265_params="log-level=none:pools=none:bframes=3:keyint=6"
    ),
    "mp4 hevc open groups": plain("a.mp4", "libx265", preset="ultrafast", x265_params=OPEN_265),
    "mp4 hevc 10 bit": plain(
        "a.mp4", "libx265", "yuv420p10le", preset="ultrafast", x265_params="log-level=none:pools=none:keyint=6"
    ),
    "mp4 av1": plain("a.mp4", "libsvtav1", preset="12"),
    "mp4 mpeg4 with B": plain("a.mp4", "mpeg4", b="3000000", bf="2"),
    "mp4 mpeg4 with pictures that are not coded": uncoded,
    "mp4 grey": plain("a.mp4", "libx264", "gray", preset="ultrafast", frames=COLOURED),
    "mp4 odd size": plain("a.mp4", "libx264", "yuv444p", frames=coded_frames(COUNT, 47, 63), preset="ultrafast"),
    "mp4 full range": plain("a.mp4", "libx264", "yuvj420p", preset="ultrafast"),
    "mp4 cut by its edit list": cut_by_its_index,
    "mp4 end cut by its edit list": tail_cut_by_its_index,
    "mp4 edited: a pause and a piece": edited((-1, 12), (3, 10)),
    "mp4 edited: two pieces": edited((8, 8), (0, 6)),
    "mp4 edited: a piece twice": edited((2, 5), (2, 5)),
    "mp4 that starts late": timed("a.mp4", [500 + STEP * number for number in range(COUNT)]),
    "mp4 of variable rate": timed("a.mp4", [0, 40, 300, 310, 900, 1000, 1040, 1400, 1500, 1501, 1700]),
    "mp4 whose last picture stays": staying,
    "mkv of variable rate": timed("a.mkv", [0, 40, 300, 310, 900, 1000, 1040, 1400, 1500, 1501, 1700]),
    "mkv with a gap": timed("a.mkv", [0, 40, 80, 120, 160, 60000, 60040, 60080, 60120]),
    "mkv with several pictures at a time": repeated,
    "mkv cut at an open group": copied(
        "cut.mkv", plain("a.mp4", "libx264", x264_params=OPEN_264, preset="medium", bf="3"), first=1, lost=6
    ),
    "mkv hevc cut at an open group": copied(
        "cut.mkv", plain("a.mp4", "libx265", preset="ultrafast", x265_params=OPEN_265), first=1, lost=6
    ),
    "ts cut at an open group": copied(
        "cut.ts", plain("a.ts", "libx264", x264_params=OPEN_264, preset="medium", bf="3"), first=1, lost=6
    ),
    "mp4 cut at an open group": copied(
        "cut.mp4", plain("a.mp4", "libx264", x264_params=OPEN_264, preset="medium", bf="3"), first=1, lost=6
    ),
    "mkv hevc cut at a keyframe with pictures before it": copied(
        "cut.mkv", plain("a.mp4", "libx265", preset="ultrafast", x265_params=RADL_265), first=1, lost=4
    ),
    "ts mpeg2 cut at an open group": copied(
        "cut.ts", plain("a.ts", "mpeg2video", b="3000000", bf="2"), first=1, lost=6
    ),
    "mkv vp8 with hidden pictures": plain(
        "a.mkv", "libvpx", auto_alt_ref="1", lag_in_frames="12", b="800000", arnr_maxframes="3"
    ),
    "webm vp9 with hidden pictures": plain(
        "a.webm", "libvpx-vp9", auto_alt_ref="1", lag_in_frames="12", crf="10", cpu_used="5"
    ),
    "webm vp9 with alpha": plain(
        "a.webm", "libvpx-vp9", "yuva420p", frames=with_alpha(COLOURED), crf="10", cpu_used="8", auto_alt_ref="0"
    ),
    "mkv ffv1": plain("a.mkv", "ffv1", "yuv444p"),
    "avi h264 with B": plain("a.avi", "libx264", **X264),
    "avi mpeg4 with B": plain("a.avi", "mpeg4", b="3000000", bf="2"),
    "avi mpeg4 with packed B": packed,
    "avi mjpeg": plain("a.avi", "mjpeg", "yuvj420p", q="2"),
    "avi rawvideo": plain("a.avi", "rawvideo", "yuv420p"),
    "avi huffyuv": plain("a.avi", "huffyuv", "yuv422p"),
    "avi utvideo": plain("a.avi", "utvideo", "gbrp"),
    "avi divx 3": plain("a.avi", "msmpeg4v3", b="3000000"),
    "mov cineform": plain("a.mov", "cfhd", "yuv422p10le"),
    "mov jpeg2000": plain("a.mov", "jpeg2000", "yuv444p"),
    "mov without any name for its codec": plain("a.mov", "rawvideo", "uyvy422"),
    "3gp": plain("a.3gp", "mpeg4", b="3000000"),
    "ogg vp8": plain("a.ogv", "libvpx", b="800000"),
    "mov prores": plain("a.mov", "prores_ks", "yuv422p10le"),
    "mov prores with alpha": plain("a.mov", "prores_ks", "yuva444p10le", frames=with_alpha(COLOURED)),
    "mov png with alpha": plain("a.mov", "png", "rgba", frames=with_alpha(COLOURED)),
    "mov qtrle with alpha": plain("a.mov", "qtrle", "argb", frames=with_alpha(COLOURED)),
    "ts h264 with B": plain("a.ts", "libx264", **X264),
    "ts with one keyframe in ten": plain("a.ts", "libx264", every=10, **X264),
    "ts mpeg2 with B": plain("a.ts", "mpeg2video", b="3000000", bf="2"),
    "m2ts": plain("a.m2ts", "libx264", **X264),
    "ts of two recordings": joined,
    "ts cut within a group": copied(
        "cut.ts", plain("a.ts", "libx264", **X264 | {"bf": "0"}), first=2, lost=6, key=False
    ),
    "ts recorded from its middle": recorded("libx264", 0.2, 0, 6, 17, **X264),
    "ts recorded up to its middle": recorded("libx264", 0, 0.005, 0, 16, **X264 | {"bf": "0"}),
    "ts mpeg2 recorded from its middle": recorded("mpeg2video", 0.2, 0, 6, 17, b="3000000"),
    "ts mpeg2 recorded up to its middle": recorded("mpeg2video", 0, 0.005, 0, 16, b="3000000"),
    "mpg mpeg2 with B": plain("a.mpg", "mpeg2video", b="3000000", bf="2"),
    "flv": plain("a.flv", "flv", b="3000000"),
    "flv h264": plain("a.flv", "libx264", **X264),
    "wmv": plain("a.wmv", "wmv2", b="3000000"),
    "mxf": plain("a.mxf", "mpeg2video", b="3000000", bf="2"),
    "bare h264": plain("a.264", "libx264", **X264),
    "gif": animated("a.gif"),
    "apng": animated("a.png"),
    "webp": animated("a.webp", quality=90),
    "avif": animated("a.avif", quality=90),
    "apng by FFmpeg": plain("a.apng", "apng", "rgb24"),
    "gif by FFmpeg": plain("a.gif", "gif", "rgb8"),
}
