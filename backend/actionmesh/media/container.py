"""Opening of a video file: its container, its picture stream, and the cropping and pixel aspect for display.

Only the containers in `intake.VIDEO_CONTAINERS` are opened. Others (playlists, lists of files) make FFmpeg read the
files that they name.
"""

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.logging import get_level, set_level
from av.stream import Disposition

from ..errors import MediaError
from ..intake import MAX_PIXELS, VIDEO_CONTAINERS, regular_file

WIDEST_PIXEL = 20
"""The largest ratio of a pixel's sides; anamorphic film has 2."""
MOST_BOXES = 1000
"""The most boxes to look at for an mp4's index; an unfragmented mp4 has about five."""
CURE = "Copy or export it again, as mp4, mov, webm, avi or gif."
REENCODE = "Export it again, as H.264 in an mp4."
LIMITS = {"max_pixels": str(MAX_PIXELS)}


@dataclass
class OpenVideo:
    """A container and its main picture stream.

    Args:
        aspect: a pixel's width divided by its height.
        crop: pixels that are not shown (left, right, top, bottom).
    """

    container: Any
    stream: Any
    aspect: Fraction
    crop: tuple[int, int, int, int]


@contextmanager
def open_video(path: Path) -> Iterator[OpenVideo]:
    """Open a video for the duration of the context.

    Raises:
        MediaError: the file is not a readable video, or no decoder for its pictures is available.
    """
    with _open(path) as container:
        stream = container.streams.best("video")
        if stream is None or stream.disposition & Disposition.attached_pic:
            raise MediaError(f"{path} contains no pictures.", "Choose a video, not a sound file.")
        told = _told_by(container)
        if stream.codec_context is None:
            raise MediaError(f"{path} is encoded as {_code(told)}, which cannot be decoded here.", REENCODE)
        stream.codec_context.options = LIMITS
        video = OpenVideo(container, stream, _aspect(path, stream), _crop(told, stream))
        del container, stream
        try:
            yield video
        finally:
            video.stream = None  # otherwise a pending exception keeps the decoder and its threads alive


def _open(path: Path) -> Any:
    options = {"protocol_whitelist": "file", "format_whitelist": ",".join(VIDEO_CONTAINERS), **LIMITS}
    try:
        return av.open(str(regular_file(path).absolute()), options=options, metadata_errors="replace")
    except PermissionError as error:
        raise MediaError(f"{path} cannot be read: permission denied.", "Change its permissions.") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        what = (
            "is damaged: the index at its end is missing" if _lacks_index(path) else "is not a video that can be read"
        )
        raise MediaError(f"{path} {what}.", CURE) from error


def _lacks_index(path: Path) -> bool:
    """Return whether a file begins like an mp4 but contains no index."""
    with suppress(OSError, OverflowError), path.open("rb") as file:
        start, names = 0, list[bytes]()
        while len(header := file.read(16)) >= 8 and len(names) < MOST_BOXES:
            size, name = struct.unpack(">I4s", header[:8])
            names.append(name)
            start += struct.unpack(">Q", header[8:])[0] if size == 1 and len(header) == 16 else max(size, 8)
            file.seek(start)
        return names[:1] == [b"ftyp"] and b"moov" not in names
    return False


def _told_by(container: Any) -> str:
    """Return FFmpeg's description of a container, the only source of the cropping and of an unknown codec's name."""
    level = get_level()
    set_level(av.logging.INFO)
    try:
        return container.dumps_format()
    finally:
        set_level(level)


def _code(told: str) -> str:
    found = re.search(r"Video: none \((\w{1,8}) /", told)
    return found[1] if found else "an unknown format"


def _crop(told: str, stream: Any) -> tuple[int, int, int, int]:
    """Return the pixels at each side that are not shown (mp4's `clap`, Matroska's PixelCrop); 0 if they are invalid."""
    of_stream = re.search(rf"Stream #\d+:{stream.index}\D.*?(?=\n  Stream #|\Z)", told, re.DOTALL)
    found = re.search(r"Frame Cropping: (\d+)/(\d+)/(\d+)/(\d+)", of_stream[0] if of_stream else "")
    if not found:
        return 0, 0, 0, 0
    left, right, top, bottom = (int(number) for number in found.groups())
    sensible = left + right < stream.codec_context.width and top + bottom < stream.codec_context.height
    return (left, right, top, bottom) if sensible else (0, 0, 0, 0)


def _aspect(path: Path, stream: Any) -> Fraction:
    width, height = stream.codec_context.width, stream.codec_context.height
    aspect = Fraction(stream.sample_aspect_ratio or 1)
    if not 1 / WIDEST_PIXEL <= aspect <= WIDEST_PIXEL:
        raise MediaError(f"{path} claims that its pixels are {float(aspect):.3g} times as wide as high.", REENCODE)
    if width * height * max(aspect, 1) > MAX_PIXELS:
        most = f"the limit is {MAX_PIXELS // 10**6} million"
        raise MediaError(f"{path} has frames of {width} x {height} pixels; {most}.", "Export it smaller.")
    return aspect
