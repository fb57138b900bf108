"""Spoil small clips in many ways and read them.

Anything but frames or a MediaError is a failure, and so is using much memory.

Run it as a separate program, since what it looks for may end the process:
`python -m tests.backend.fuzz_media FOLDER N` reads N spoilt files of each kind, and leaves the last one in FOLDER.
"""

import io
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from PIL import Image

from .animations import BACKGROUND, PREVIOUS, Part, apng, gif
from .encodings import coded_frames
from .media_files import write_video
from .peak import peak_megabytes

MOST_MEGABYTES = 700
BOXES = (
    "moov mvhd trak tkhd edts elst mdia mdhd minf stbl stsd stts stss ctts stsc stsz stco avcC sgpd sbgp mdat ftyp"
).split()
NUMBERS = [
    0,
    1,
    2,
    3,
    7,
    8,
    0x7F,
    0xFF,
    0x100,
    0x7FFF,
    0xFFFF,
    0x10000,
    0x1000000,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFE,
    0xFFFFFFFF,
]


def seeds(folder: Path) -> dict[str, bytes]:
    """Return small healthy files by their suffix."""
    frames = coded_frames(6, 24, 32)
    square, small = np.full((12, 16), 1), np.full((4, 5), 2)
    parts = [Part(square), Part(small, 2, 3, PREVIOUS), Part(small, 1, 1, BACKGROUND), Part(small, 9, 7)]
    pictures = [Image.fromarray(frame) for frame in frames]
    made = {".apng": apng(parts, 16, 12, hidden=Part(square)), ".gif": gif(parts, 16, 12)}
    for suffix in (".webp", ".avif", ".tif"):
        stream = io.BytesIO()
        options = {".webp": "WEBP", ".avif": "AVIF", ".tif": "TIFF"}
        pictures[0].save(stream, options[suffix], save_all=True, append_images=pictures[1:], duration=40)
        made[suffix] = stream.getvalue()
    still = io.BytesIO()
    pictures[0].convert("P").save(still, "PNG")
    made[".png"] = still.getvalue()
    kinds = {
        ".mp4": {"container_options": {"movflags": "faststart"}, "bf": "2"},
        ".mkv": {},
        ".avi": {"codec": "mpeg4"},
        ".ts": {},
        ".webm": {"codec": "libvpx", "deadline": "realtime"},
        ".flv": {"codec": "flv"},
    }
    for suffix, options in kinds.items():
        made[suffix] = write_video(folder / f"seed{suffix}", frames, **options).read_bytes()
    return made


@some.composite
def edits(draw, size: int, places: list[int]):
    """Draw a change: (position, number of bytes that it replaces, new bytes)."""
    at = draw(
        some.one_of(some.integers(0, size - 1), some.sampled_from(places).flatmap(lambda p: some.integers(p, p + 24)))
    )
    number = draw(some.sampled_from(NUMBERS))
    return draw(
        some.sampled_from(
            [
                (at, 4, struct.pack(">I", number)),
                (at, 4, struct.pack("<I", number)),
                (at, 2, struct.pack(">H", number & 0xFFFF)),
                (at, 1, bytes([number & 0xFF])),
                (at, number % 64, b""),
                (at, 0, bytes(number % 64)),
                (at, size, b""),
            ]
        )
    )


def spoilt(data: bytes, changes: list[tuple[int, int, bytes]], mend: bool) -> bytes:
    for at, replaced, new in changes:
        data = data[:at] + new + data[at + replaced :]
    return with_true_sums(data) if mend else data


def with_true_sums(data: bytes) -> bytes:
    """Return a PNG with correct checksums, as far as its chunks can be followed."""
    if data[:4] != b"\x89PNG":
        return data
    result, at = bytearray(data), 8
    while at + 12 <= len(data):
        size = struct.unpack_from(">I", data, at)[0]
        end = at + 8 + size
        if end + 4 > len(data):
            break
        struct.pack_into(">I", result, end, zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return bytes(result)


def fuzz(folder: Path, kind: str, data: bytes, examples: int) -> None:
    from actionmesh.errors import MediaError
    from actionmesh.media.reader import read_clip
    from actionmesh.protocol import FrameChoice

    path = folder / f"spoilt{kind}"
    places = [
        data.find(name.encode())
        for name in [*BOXES, "fcTL", "acTL", "IHDR", "ANMF", "VP8", "ispe", "strh", "avih", "idx1"]
    ]
    found = [place for place in places if place >= 0] or [0]

    always_the_same, checks = examples < 1000, list(HealthCheck)

    @settings(
        max_examples=examples, deadline=None, derandomize=always_the_same, database=None, suppress_health_check=checks
    )
    @given(some.lists(edits(len(data), found), min_size=1, max_size=3), some.booleans())
    def read(changes, mend):
        path.write_bytes(spoilt(data, changes, mend))
        try:
            read_clip(str(path), FrameChoice(), max_side=64)
        except MediaError as error:
            assert error.problem and error.cure
        assert peak_megabytes() < MOST_MEGABYTES, f"{peak_megabytes():.0f} MB"

    read()


def main(folder: str, examples: str, *kinds: str) -> None:
    for kind, data in seeds(Path(folder)).items():
        if not kinds or kind in kinds:
            fuzz(Path(folder), kind, data, int(examples))
            print(kind, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
