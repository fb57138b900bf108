"""Missing, broken, empty or still results are distinguished from good ones."""

import json
import struct
import zlib

import pytest

from build import ROOT
from tests.fresh.log import ProofError
from tests.fresh.results import check_result

STILL = {"meshes": [{"primitives": [{}]}]}
MOVING = {"meshes": [{"primitives": [{"targets": [{}, {}]}]}], "animations": [{}], "images": [{}]}


def glb(told):
    text = json.dumps(told).encode()
    return struct.pack("<4sIII4s", b"glTF", 2, 20 + len(text), len(text), b"JSON") + text


def png(pixels, width=32, height=8):
    """Return a grey PNG with a filter byte before every line."""
    lines = b"".join(b"\0" + pixels[row * width : (row + 1) * width] for row in range(height))
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0),
        b"IDAT": zlib.compress(lines),
        b"IEND": b"",
    }
    body = (struct.pack(">I", len(data)) + kind + data + struct.pack(">I", 0) for kind, data in chunks.items())
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


@pytest.fixture
def said(tmp_path):
    def check(name, data):
        (tmp_path / name).write_bytes(data)
        return check_result(tmp_path / name)

    return check


def test_good_results_are_described(said):
    assert said("a.glb", glb(MOVING)) == "1 meshes, 2 poses, 1 textures"
    assert said("a.png", png(bytes(range(256)))) == "32 x 8"
    assert said("a.blend", b"BLENDER-v405") == "0.0 MB"
    assert said("a.txt", b"one\ntwo\n") == "2 lines"


def test_a_picture_of_this_repository_is_good():
    assert check_result(ROOT / "docs" / "relief_husky.png")


BROKEN = {
    "still.glb": glb(STILL),
    "cut.glb": glb(MOVING)[:-9],
    "none.glb": b"",
    "other.glb": b"PK" + glb(MOVING),
    "grey.png": png(b"\x80" * 256),
    "cut.png": png(bytes(range(256)))[:60],
    "other.png": b"GIF89a",
    "other.blend": b"PK",
    "empty.txt": b"",
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_results_are_told(said, name):
    with pytest.raises(ProofError, match=f"{name} is broken"):
        said(name, BROKEN[name])


def test_missing_result_is_told(tmp_path):
    with pytest.raises(ProofError, match="demo.glb was not made"):
        check_result(tmp_path / "demo.glb")
