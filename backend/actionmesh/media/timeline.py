"""Reading of a video's timeline: the times at which its frames are shown.

Usually the packets contain their frames' time stamps, and no picture has to be decoded. Pictures are decoded if packets
have no stamps or only their order in the file (AVI, bare streams), if the stamps restart (joined recordings), and at
the start of a clip that was cut without re-encoding: its first pictures may depend on others that were cut off, and are
then not shown.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import av

from .container import OpenVideo, open_video
from .decoding import codec_of, decode
from .ends import BROADCAST, JOINED_ANYWHERE, from_first_sound, without_lost_ends
from .stamps import Timeline, in_order_of_file, rising

REORDER_MARGIN = 64
"""Packets come in decoding order: a frame's display position is certain after this many more packets."""
USUAL_RATE = 24
"""Frames a second if the file does not give a rate."""


@dataclass
class _Packets:
    """The times and keyframes of a stream's packets, in the order of the file."""

    stamps: list[int | None] = field(default_factory=list)
    order: list[int | None] = field(default_factory=list)
    keyframes: list[tuple[int | None, int | None]] = field(default_factory=list)
    last_duration: int = 0
    damaged: bool = False

    def add(self, packet: Any) -> None:
        self.stamps.append(packet.pts)
        self.order.append(packet.dts)
        if packet.is_keyframe:
            self.keyframes.append((packet.pts, packet.dts))
        self.last_duration = packet.duration or 0

    @property
    def starts_anew(self) -> bool:
        known = [stamp for stamp in self.order if stamp is not None]
        return any(later < stamp for stamp, later in pairwise(known))


def read_timeline(path: Path, enough: int | None, check: Callable[[], None] = lambda: None) -> Timeline:
    """Read the timeline of at least the first `enough` frames, if there are that many; None reads all.

    Args:
        check: called regularly; an exception that it raises stops the work.
    Raises:
        MediaError: the file cannot be opened as a video.
    """
    limit = None if enough is None else enough + REORDER_MARGIN
    with open_video(path) as video:
        packets = _read_packets(video, limit, check)
        unstamped = (
            None in packets.stamps or not packets.keyframes or packets.starts_anew or _stamps_mean_nothing(video)
        )
        if not unstamped:
            return without_lost_ends(path, _by_packets(video, packets, limit), len(packets.stamps) != limit, check)
    with open_video(path) as video:
        return _by_pictures(video, packets, enough, check)


def _read_packets(video: OpenVideo, limit: int | None, check: Callable[[], None]) -> _Packets:
    packets, corrupt = _Packets(), False
    try:
        for packet in islice(_packets_of_frames(video.container, video.stream), limit):
            check()
            packets.add(packet)
            corrupt = packet.is_corrupt
    except (av.FFmpegError, EOFError):
        packets.damaged = True
    if corrupt:
        packets.damaged = True
        packets.stamps.pop()
    return packets


def _packets_of_frames(container: Any, stream: Any) -> Iterator[Any]:
    """Yield the packets with a frame to show, from the first keyframe on."""
    started = False
    for packet in container.demux(stream):
        started = started or packet.is_keyframe
        if started and packet.size and not packet.is_discard and not _is_hidden(packet, stream.codec_context.name):
            yield packet


def _is_hidden(packet: Any, codec: str) -> bool:
    """Return whether a frame is only a reference for others and never shown.

    That is the show_frame bit: RFC 6386, section 9.1; VP9's specification, section 6.2.
    """
    if codec not in ("vp8", "vp9"):
        return False
    first = bytes(memoryview(packet)[:1])[0]
    if codec == "vp8":
        return not first & 0x10
    profile_bits = 5 if first >> 4 & 3 == 3 else 4
    shows_earlier = first >> (7 - profile_bits) & 1
    superframe = bytes(memoryview(packet)[packet.size - 1 :])[0] & 0xE0 == 0xC0
    return not superframe and not shows_earlier and not first >> (7 - profile_bits - 2) & 1


def _stamps_mean_nothing(video: OpenVideo) -> bool:
    """Return whether the stamps are invented: AVI has none, and FFmpeg derives them from the order of the file."""
    return video.container.format.name == "avi" and video.stream.codec_context.codec.reorder


def _by_packets(video: OpenVideo, packets: _Packets, limit: int | None) -> Timeline:
    stamps = sorted(stamp for stamp in packets.stamps if stamp is not None)
    repeated = frozenset(stamp for stamp, later in pairwise(stamps) if stamp == later)
    stamps = sorted(set(stamps))
    ended = len(packets.stamps) != limit
    by_order = video.container.format.name in BROADCAST
    keyframes = [
        (shown, read if by_order and read is not None else shown)
        for shown, read in packets.keyframes
        if shown is not None
    ]
    return Timeline(
        stamps,
        video.stream.time_base,
        sorted(keyframes),
        repeated,
        damaged=packets.damaged or (ended and _ends_too_early(video, packets, stamps)),
    )


def _by_pictures(video: OpenVideo, packets: _Packets, enough: int | None, check: Callable[[], None]) -> Timeline:
    """Return the timeline by decoding all pictures; those before the first sound frame are not shown."""
    from_keyframe, damaged = bool(packets.keyframes), packets.damaged
    stamps: list[int | None] = []
    try:
        for picture in from_first_sound(decode(video, codec_of(video), from_keyframe, check)):
            if not stamps and picture.after_fault and video.container.format.name not in JOINED_ANYWHERE:
                damaged = True
                break
            stamps.append(picture.frame.pts)
            if len(stamps) == enough:
                break
    except (av.FFmpegError, EOFError):
        damaged = True
    step = max(1, round(1 / ((video.stream.average_rate or USUAL_RATE) * video.stream.time_base)))
    if video.container.format.name == "avi":
        stamps = in_order_of_file(packets.order, len(stamps))
    return Timeline(
        rising(stamps, step),
        video.stream.time_base,
        numbered=True,
        from_keyframe=from_keyframe,
        damaged=damaged or not stamps,
    )


def _ends_too_early(video: OpenVideo, packets: _Packets, stamps: list[int]) -> bool:
    """Return whether the last frame ends well before the duration in the file's header, which usually counts from 0."""
    stream, promised = video.stream, _promised_seconds(video.stream)
    complete = 0 < stream.frames <= len(packets.stamps) or video.container.format.name in BROADCAST
    if promised is None or not stamps or complete:
        return False
    longest = max((later - stamp for stamp, later in pairwise(stamps)), default=0)
    missing = promised - float((stamps[-1] + packets.last_duration - min(0, stamps[0])) * stream.time_base)
    slack = 3 * max(float(longest * stream.time_base), 1 / float(stream.average_rate or USUAL_RATE))
    return missing > slack


def _promised_seconds(stream: Any) -> float | None:
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    try:
        hours, minutes, seconds = stream.metadata.get("DURATION", "").split(":")
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    except ValueError:
        return None
