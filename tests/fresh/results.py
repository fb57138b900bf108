"""Check that a result file is what its name says, using only the standard library."""

import json
import struct
import zlib
from pathlib import Path

from .log import ProofError

PNG = b"\x89PNG\r\n\x1a\n"
ZSTANDARD, UNCOMPRESSED = b"\x28\xb5\x2f\xfd", b"BLENDER"


def check_result(path: Path) -> str:
    """Return a short description of a result.

    Raises:
        ProofError: the file is missing, broken or empty.
    """
    if not path.is_file():
        raise ProofError(f"{path.name} was not made.")
    data = path.read_bytes()
    try:
        return {".glb": read_glb, ".png": read_png, ".blend": read_blend}.get(path.suffix, read_text)(data)
    except (ValueError, KeyError, IndexError, struct.error, zlib.error) as error:
        raise ProofError(f"{path.name} is broken ({error}).") from error


def read_glb(data: bytes) -> str:
    """Describe the meshes, poses and textures; raise ValueError if nothing moves."""
    magic, version, length, size, kind = struct.unpack("<4sII I4s", data[:20])
    if (magic, version, length, kind) != (b"glTF", 2, len(data), b"JSON"):
        raise ValueError(f"{magic!r}, version {version}, {length} bytes of {len(data)}")
    told = json.loads(data[20 : 20 + size])
    targets = [len(part.get("targets", ())) for mesh in told["meshes"] for part in mesh["primitives"]]
    if not told.get("animations") or not any(targets):
        raise ValueError(f"{len(told.get('animations', ()))} animations, {targets} poses")
    return f"{len(told['meshes'])} meshes, {max(targets)} poses, {len(told.get('images', ()))} textures"


def read_png(data: bytes) -> str:
    """Return the size of a picture; raise ValueError if it has only one colour."""
    if not data.startswith(PNG):
        raise ValueError("not a PNG")
    place, pixels = len(PNG), b""
    width, height = struct.unpack(">II", data[16:24])
    while place < len(data):
        (length,), kind = struct.unpack(">I", data[place : place + 4]), data[place + 4 : place + 8]
        pixels += data[place + 8 : place + 8 + length] if kind == b"IDAT" else b""
        place += 12 + length
    lines = zlib.decompress(pixels)
    if len(set(lines)) < 16:
        raise ValueError("one colour")
    return f"{width} x {height}"


def read_blend(data: bytes) -> str:
    if not data.startswith((ZSTANDARD, UNCOMPRESSED)):
        raise ValueError("not a Blender file")
    return f"{len(data) / 1e6:.1f} MB"


def read_text(data: bytes) -> str:
    lines = data.decode().splitlines()
    if not lines:
        raise ValueError("empty")
    return f"{len(lines)} lines"
