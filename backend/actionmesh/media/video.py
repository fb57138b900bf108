"""Frames from video files, through PyAV.

A first pass reads the packets' time stamps without decoding anything; then only the stretches from a keyframe to a wanted
frame are decoded. Memory holds one picture and the stamps (some bytes a frame), however long the video is.
"""

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import Colorspace

from ..errors import MediaError

REORDER_MARGIN = 64
"""Packets come in decoding order: a frame's place in time is sure once this many more have been seen."""
ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""FFmpeg's own decoders of these drop the alpha channel."""
MAX_THREADS = 4
"""Each decoding thread holds frames of its own."""
BT709_HEIGHT = 720
UNNAMED_COLOURS = 2
"""FFmpeg's AVCOL_SPC_UNSPECIFIED. Video of this height or more that does not name its colours has those of HDTV, as players take it."""


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


class VideoFile:
    """A video. Raises MediaError when the file cannot be opened as one."""

    lossy = True

    def __init__(self, path: Path):
        self.name = path.name
        self._path = path
        self._timeline: Timeline | None = None
        self._enough: int | None = 0

    def count(self, enough: int | None = None) -> int:
        """How many frames there are; counting may stop at `enough`.

        Raises:
            MediaError: the file breaks off before the end, or before `enough`.
        """
        timeline = self._read_timeline(enough)
        frames = len(timeline.stamps)
        if timeline.damaged and (enough is None or frames < enough):
            raise MediaError(f"{self._path} is damaged: it breaks off at frame {frames}.", _cure_of_damage(frames))
        return frames

    def frame_name(self, index: int) -> str:
        return f"frame {index}"

    def read(self, indices: Sequence[int]) -> Iterator[tuple[np.ndarray, float]]:
        """The frames at rising `indices`: (H, W, 4) uint8, upright, and seconds.

        Raises:
            MediaError: the video is damaged at one of them.
        """
        done = 0
        try:
            for answer in self._read(indices, jump=True):
                yield answer
                done += 1
        except _Overshot:
            yield from self._read(indices[done:], jump=False)

    def _read(self, indices: Sequence[int], jump: bool) -> Iterator[tuple[np.ndarray, float]]:
        timeline = self._read_timeline(max(indices) + 1)
        with _open(self._path) as (container, stream):
            seconds_a_stamp = stream.time_base if timeline.stamped else 1 / (stream.average_rate or 24)
            decoder = _Decoder(container, stream, timeline, jump)
            for index in indices:
                try:
                    frame = decoder.frame_at(timeline.stamps[index])
                except (av.FFmpegError, EOFError) as error:
                    at = min(decoder.next_index, index)
                    raise MediaError(f"{self._path} is damaged at frame {at}.", _cure_of_damage(at)) from error
                yield _upright_rgba(frame, stream), float(timeline.stamps[index] * seconds_a_stamp)

    def _read_timeline(self, enough: int | None) -> Timeline:
        known = self._timeline is not None and (
            self._enough is None or (enough is not None and enough <= self._enough)
        )
        if not known:
            self._timeline, self._enough = _read_timeline(self._path, enough), enough
        assert self._timeline is not None
        return self._timeline


@contextmanager
def _open(path: Path) -> Iterator[tuple[Any, Any]]:
    """The container and its main video stream; no demuxer may follow a link out of the file."""
    try:
        container = av.open(str(path.absolute()), options={"protocol_whitelist": "file"})
    except PermissionError as error:
        raise MediaError(f"{path} may not be read.", "Change its permissions.") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        what = "is damaged: its index, which comes last, is missing" if _is_mp4(path) else "is no video that can be read"
        raise MediaError(f"{path} {what}.", "Copy or export it again, as mp4, mov, webm, avi or gif.") from error
    with container:
        stream = container.streams.best("video")
        if stream is None:
            raise MediaError(f"{path} has no pictures in it.", "Give a video, not a sound file.")
        yield container, stream


def _is_mp4(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8)[4:] == b"ftyp"


def _read_timeline(path: Path, enough: int | None) -> Timeline:
    stamps: list[int] = []
    keyframes: list[int] = []
    stamped, broken, ended = True, False, False
    with _open(path) as (container, stream):
        try:
            for packet in container.demux(stream):
                if packet.is_corrupt:
                    broken = True
                    break
                if not _shows_a_frame(packet, stream) or not (keyframes or packet.is_keyframe):
                    continue
                stamped = stamped and packet.pts is not None
                stamps.append(packet.pts if stamped else len(stamps))
                if packet.is_keyframe:
                    keyframes.append(stamps[-1])
                if enough is not None and len(stamps) >= enough + REORDER_MARGIN:
                    break
            else:
                ended = True
        except av.FFmpegError:
            broken = True
        stamps = sorted(set(stamps)) if stamped else list(range(len(stamps)))
        damaged = broken or (ended and stamped and _ends_too_early(stamps, stream))
    return Timeline(stamps, sorted(keyframes) if stamped else [], stamped, damaged)


def _shows_a_frame(packet: Any, stream: Any) -> bool:
    if packet.size == 0 or packet.is_discard:
        return False
    hidden_vp8 = stream.codec_context.name.startswith("vp8") and not bytes(packet)[0] & 0x10
    return not hidden_vp8


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


class _Overshot(Exception):
    """A jump landed after the wanted frame: this container cannot be trusted to seek."""


class _Decoder:
    """Decodes forwards to wanted frames, and jumps ahead to a keyframe where that saves decoding (and `jump` allows it)."""

    def __init__(self, container: Any, stream: Any, timeline: Timeline, jump: bool):
        self._container, self._stream, self._timeline = container, stream, timeline
        self._keyframes = timeline.keyframes if jump else []
        self._codec = _codec_context(stream)
        self._frames = self._decode()
        self._shown = -1
        self._position: int | None = None

    @property
    def next_index(self) -> int:
        """The index of the frame after the last one that was decoded."""
        return 0 if self._position is None else bisect_right(self._timeline.stamps, self._position)

    def frame_at(self, stamp: int) -> Any:
        """The frame shown at `stamp`; wanted stamps rise from call to call.

        Raises:
            EOFError: the video ends before it.
            av.FFmpegError: it cannot be decoded.
            _Overshot: a jump landed after it.
        """
        jumped = self._jump_towards(stamp)
        for frame in self._frames:
            if self._position >= stamp:
                if jumped and self._position > stamp:
                    raise _Overshot
                if frame.is_corrupt:
                    raise EOFError("the decoder calls the frame corrupt")
                return frame
            jumped = False
        raise EOFError("the video ends early")

    def _jump_towards(self, stamp: int) -> bool:
        nearest = bisect_right(self._keyframes, stamp) - 1
        if nearest < 1 or (self._position is not None and self._keyframes[nearest] <= self._position):
            return False
        self._container.seek(self._keyframes[nearest], stream=self._stream)
        self._codec.flush_buffers()
        self._frames = self._decode()
        return True

    def _decode(self) -> Iterator[Any]:
        for packet in self._container.demux(self._stream):
            ended = packet.size == 0 and packet.pts is None and packet.dts is None
            for frame in self._codec.decode(None if ended else packet):
                self._shown += 1
                self._position = frame.pts if self._timeline.stamped else self._shown
                yield frame


def _codec_context(stream: Any) -> Any:
    native = stream.codec_context
    native.thread_type, native.thread_count = "AUTO", min(MAX_THREADS, os.cpu_count() or 1)
    tags = {name.lower(): value for name, value in stream.metadata.items()}
    if tags.get("alpha_mode") != "1" or native.name not in ALPHA_DECODERS:
        return native
    context = av.CodecContext.create(ALPHA_DECODERS[native.name], "r")
    context.extradata = native.extradata
    return context


def _upright_rgba(frame: Any, stream: Any) -> np.ndarray:
    """A decoded frame -> (H, W, 4) uint8 with square pixels, turned as the camera was held."""
    aspect = stream.sample_aspect_ratio or 1
    width = max(1, round(frame.width * aspect))
    unnamed_hd = frame.colorspace == UNNAMED_COLOURS and frame.height >= BT709_HEIGHT
    source = Colorspace.ITU709 if unnamed_hd else None
    rgba = frame.reformat(width=width, format="rgba", src_colorspace=source).to_ndarray()
    return np.rot90(rgba, round(frame.rotation / 90))


def _cure_of_damage(frame: int) -> str:
    return f"Copy or export it again, or choose only frames before {frame}."
