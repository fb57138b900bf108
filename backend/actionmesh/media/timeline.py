"""When a video's frames are shown: read from its packets, without decoding a picture."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import av

from ..errors import MediaError

REORDER_MARGIN = 64
"""Packets come in decoding order: a frame's place in time is sure once this many more have been seen."""


@dataclass(frozen=True)
class Timeline:
    """When a video's frames are shown.

    Args:
        stamps: rising time stamps in units of the stream's time base; the frames' numbers when it has none.
        keyframes: those of `stamps` at which decoding can start.
        stamped: whether the packets carry time stamps.
        damaged: the file ends before it should.
    """

    stamps: list[int]
    keyframes: list[int]
    stamped: bool
    damaged: bool


@contextmanager
def open_video(path: Path) -> Iterator[tuple[Any, Any]]:
    """The container and its main video stream; no demuxer may follow a link out of the file."""
    try:
        container = av.open(str(path.absolute()), options={"protocol_whitelist": "file"})
    except PermissionError as error:
        raise MediaError(f"{path} may not be read.", "Change its permissions.") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        what = (
            "is damaged: its index, which comes last, is missing" if _is_mp4(path) else "is no video that can be read"
        )
        raise MediaError(f"{path} {what}.", "Copy or export it again, as mp4, mov, webm, avi or gif.") from error
    with container:
        stream = container.streams.best("video")
        if stream is None:
            raise MediaError(f"{path} has no pictures in it.", "Give a video, not a sound file.")
        yield container, stream


def _is_mp4(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8)[4:] == b"ftyp"


def read_timeline(path: Path, enough: int | None) -> Timeline:
    """Reads the packets up to a little after the first `enough` frames; None reads them all.

    Raises:
        MediaError: the file cannot be opened as a video.
    """
    stamps, keyframes = [], []
    limit = None if enough is None else enough + REORDER_MARGIN
    with open_video(path) as (container, stream):
        try:
            for packet in islice(_packets_of_frames(container, stream), limit):
                stamps.append(packet.pts)
                if packet.is_keyframe:
                    keyframes.append(packet.pts)
            ended, damaged = len(stamps) != limit, False
        except (av.FFmpegError, EOFError):
            ended, damaged = True, True
        if None in stamps:
            return Timeline(list(range(len(stamps))), [], stamped=False, damaged=damaged)
        stamps = sorted(set(stamps))
        damaged = damaged or (ended and _ends_too_early(stamps, stream))
    return Timeline(stamps, sorted(keyframes), stamped=True, damaged=damaged)


def _packets_of_frames(container: Any, stream: Any) -> Iterator[Any]:
    """The packets that hold a frame to be shown, from the first one that can be decoded.

    Raises:
        EOFError: the file ends within a packet.
    """
    started = False
    for packet in container.demux(stream):
        if packet.is_corrupt:
            raise EOFError(f"{packet} is not whole")
        started = started or packet.is_keyframe
        hidden = packet.is_discard or (stream.codec_context.name == "vp8" and _is_hidden_vp8(packet))
        if started and packet.size and not hidden:
            yield packet


def _is_hidden_vp8(packet: Any) -> bool:
    """Whether a frame is only there for others to refer to (RFC 6386, section 9.1: the show_frame bit)."""
    return packet.size > 0 and not bytes(packet)[0] & 0x10


def _ends_too_early(stamps: list[int], stream: Any) -> bool:
    """Whether the last frame ends well before the duration in the file's header."""
    promised = _promised_seconds(stream)
    if promised is None or not stamps:
        return False
    longest = max((later - stamp for stamp, later in zip(stamps, stamps[1:], strict=False)), default=0)
    missing = promised - float((stamps[-1] - stamps[0]) * stream.time_base)
    slack = 3 * max(float(longest * stream.time_base), 1 / float(stream.average_rate or 24))
    return missing > slack


def _promised_seconds(stream: Any) -> float | None:
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    try:
        hours, minutes, seconds = stream.metadata.get("DURATION", "").split(":")
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    except ValueError:
        return None
