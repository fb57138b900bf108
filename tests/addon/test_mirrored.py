"""Which videos Blender would show mirrored: those whose file asks for a mirrored picture."""

import struct

import pytest

from blender_addon.motion.mirrored import is_mirrored

ONE = 65536


def box(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data) + 8, name) + data


def track(matrix, version: int = 0, size=(64, 48)) -> bytes:
    """Return a track of an mp4, up to its header."""
    times = bytes(20 if version == 0 else 32)
    a, b, c, d = matrix
    told = struct.pack(">9i2I", a, b, 0, c, d, 0, 0, 0, 1 << 30, *(side << 16 for side in size))
    return box(b"trak", box(b"tkhd", bytes([version, 0, 0, 3]) + times + bytes(16) + told))


def written(path, *tracks: bytes, last: bool = True):
    parts = [
        box(b"ftyp", b"isom\0\0\0\0"),
        box(b"mdat", bytes(100)),
        box(b"moov", box(b"mvhd", bytes(100)) + b"".join(tracks)),
    ]
    path.write_bytes(b"".join(parts if last else [parts[0], parts[2], parts[1]]))
    return path


@pytest.mark.fault("A mirrored phone video stood upside down behind the camera")
@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("last", [True, False])
def test_a_matrix_that_mirrors_is_found(tmp_path, version, last):
    sound = track((ONE, 0, 0, ONE), size=(0, 0))
    for matrix in ((-ONE, 0, 0, ONE), (ONE, 0, 0, -ONE), (0, ONE, ONE, 0), (0, -ONE, -ONE, 0)):
        assert is_mirrored(written(tmp_path / "a.mp4", sound, track(matrix, version), last=last))
    for matrix in ((ONE, 0, 0, ONE), (-ONE, 0, 0, -ONE), (0, ONE, -ONE, 0), (0, -ONE, ONE, 0)):
        assert not is_mirrored(written(tmp_path / "a.mp4", sound, track(matrix, version), last=last))


def long_box(name: bytes, data: bytes) -> bytes:
    """Return a box whose size has 64 bits."""
    return struct.pack(">I4sQ", 1, name, len(data) + 16) + data


MIRRORED = track((-ONE, 0, 0, ONE))


@pytest.mark.parametrize(
    ("found", "data"),
    [
        (True, box(b"ftyp", b"") + long_box(b"mdat", bytes(9)) + long_box(b"moov", MIRRORED)),
        (True, box(b"mdat", bytes(9)) + b"\0\0\0\0moov" + MIRRORED),
        (True, box(b"moov", box(b"moov", MIRRORED[8:]))),
        (False, box(b"moov", box(b"moov", MIRRORED))),
        (False, box(b"free", box(b"moov", MIRRORED))),
        (False, b"\0\0\0\0mdat" + box(b"moov", MIRRORED)),
        (False, box(b"moov", track((0, 0, 0, 0)))),
        (False, box(b"moov", track((-ONE, 0, 0, ONE), size=(64, 0)))),
        (False, box(b"moov", track((-ONE, 0, 0, ONE), size=(0, 48)))),
        (False, box(b"moov", box(b"trak", box(b"tkhd", b"")))),
        (False, box(b"moov", box(b"trak", MIRRORED[8:-1]))),
    ],
)
def test_boxes_are_followed_as_the_format_says(tmp_path, found, data):
    """Sizes of 64 bits, a last box up to the end of the file, and no deeper than the header of a track."""
    (tmp_path / "a.mp4").write_bytes(data)
    assert is_mirrored(tmp_path / "a.mp4") is found


@pytest.mark.parametrize(
    "data", [b"", b"\0\0\0\1mdat", b"\0\0\0\4moov" * 9, b"\0\0\0\0moov\0\0\0\x20trak\0\0\0\x18tkhd"]
)
def test_other_files_are_not_mirrored(tmp_path, data):
    (tmp_path / "a.mp4").write_bytes(data)
    assert not is_mirrored(tmp_path / "a.mp4") and not is_mirrored(tmp_path / "none.mp4") and not is_mirrored(tmp_path)
