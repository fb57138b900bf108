"""One policy for every file from outside: what is opened, how large it may be, and which files it may name.

Readers of meshes, pictures, videos, weights and jobs call these functions before they read anything:

- `regular_file`: a file, never a folder, a pipe or a device, which could block or never end;
- `beside`: a file that another file names (a texture, a buffer, a material library), only below that file's own folder;
- `open_picture`: a picture in one of `PICTURE_FORMATS`, of at most `MAX_PIXELS`; otherwise Pillow would guess the
  format from the contents, and pass PostScript to an interpreter;
- `read_json`: JSON without NaN or infinity, nested at most `MAX_NESTING` deep;
- `check_span`: items at the stated place in a file, checked with Python's integers before anything is allocated.

All of them raise ValueError or OSError with a plain reason; the caller names the file and the cure.
"""

import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

PICTURE_FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "TGA", "JPEG2000", "MPO")
"""Pillow's names of the formats that are decoded as pictures; none of them starts another program."""
VIDEO_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "mpegts", "mpeg", "flv", "gif", "apng", "ogg", "asf", "mxf",
    "dv", "h264", "hevc", "m4v", "mpegvideo", "ivf", "obu", "av1", "yuv4mpegpipe",
)  # fmt: skip
"""FFmpeg's names of the demuxers that read one file and nothing else: no playlists, no lists of files."""
MAX_PIXELS = 100_000_000
"""A picture of 10 000 x 10 000; a frame of 8K video has 33 million."""
MAX_NESTING = 100
"""Most levels of nested lists and objects in a JSON file; a glTF file has about ten."""
STRINGS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
"""Matches a string; one without an end runs to the end of the text, because retrying from every quotation mark would
take forever."""
BRACKETS = re.compile(r"[\[\]{}]")


def regular_file(path: Path) -> Path:
    """Return `path` if it is a regular file or a link to one.

    Raises:
        FileNotFoundError: it does not exist.
        IsADirectoryError: it is a folder.
        ValueError: it is a pipe, a socket or a device.
        OSError: it cannot be examined, for example a link that leads to itself.
    """
    kind = os.stat(path).st_mode
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(21, "is a folder", str(path))
    if not stat.S_ISREG(kind):
        raise ValueError("is a pipe or a device, not a file")
    return path


def beside(named: str, folder: Path) -> Path:
    """Return the file that a file in `folder` names.

    Args:
        named: a path relative to `folder`, with either kind of slash.
    Raises:
        ValueError: the path is absolute, or leads out of the folder through dots or a link.
        OSError: there is no such regular file.
    """
    plain = named.replace("\\", "/")
    if plain.startswith("/") or ":" in plain.split("/")[0] or "\0" in plain:
        raise ValueError(f"it names {named!r}, which is not a path within its folder")
    root = folder.resolve()
    path = (root / plain).resolve(strict=True)
    if not path.is_relative_to(root):
        raise ValueError(f"it names {named!r}, which leads out of its folder")
    return regular_file(path)


@contextmanager
def open_picture(source: Any) -> Iterator[Any]:
    """Open a picture with Pillow, as a `PIL.Image.Image` whose pixels are not decoded yet.

    Args:
        source: a path, or a binary file object.
    Raises:
        ValueError, OSError: it has none of `PICTURE_FORMATS`, or more than `MAX_PIXELS`.
    """
    from PIL import Image

    if isinstance(source, str | os.PathLike):
        regular_file(Path(source))
    with Image.open(source, formats=PICTURE_FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError(f"has {image.width} x {image.height} pixels; the limit is {MAX_PIXELS // 10**6} million")
        yield image


def read_json(data: bytes | str) -> Any:
    """Parse standard JSON, in UTF-8 with or without a byte order mark.

    Raises:
        ValueError: it is not JSON, contains NaN or infinity, or is nested deeper than `MAX_NESTING`.
    """
    text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
    steps = (1 if bracket in "[{" else -1 for bracket in BRACKETS.findall(STRINGS.sub("", text)))
    deepest = max(accumulate(steps), default=0)
    if deepest > MAX_NESTING:
        raise ValueError(f"it is nested {deepest} levels deep; the limit is {MAX_NESTING}")
    return json.loads(text, parse_constant=_refuse_constant)


def check_span(what: str, start: int, count: int, size: int, stride: int, available: int) -> None:
    """Check that `count` items of `size` bytes, `stride` bytes apart, lie within `available` bytes.

    Args:
        what: names the items in the message.
        start: the first byte of the first item.
    Raises:
        TypeError: one of the numbers is not a whole number.
        ValueError: one of them is negative, items overlap, or the last one ends beyond `available`.
    """
    for number in (start, count, size, stride, available):
        if isinstance(number, bool) or not isinstance(number, int):
            raise TypeError(f"{what}: {number!r} is not a whole number")
    if start < 0 or count < 0 or size < 0 or stride < size:
        raise ValueError(f"{what}: {count} items of {size} bytes, {stride} apart, from byte {start}")
    end = start + (stride * (count - 1) + size if count else 0)
    if end > available:
        raise ValueError(f"{what}: {count} items end at byte {end} of {available}")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number in JSON")
