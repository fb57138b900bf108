"""Frames from video files, through PyAV.

A first pass reads the packets' time stamps without decoding anything (`timeline.py`); then only the stretches from a
keyframe to a wanted frame are decoded. Memory holds one picture and the stamps (some bytes a frame), however long the
video is.
"""

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import Colorspace

from ..errors import MediaError
from .timeline import Timeline, open_video, read_timeline

ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""FFmpeg's own decoders of these drop the alpha channel."""
MAX_THREADS = 4
"""Each decoding thread holds frames of its own."""
BT709_HEIGHT = 720
"""Video of this height or more that does not name its colours has those of HDTV, as players take it."""
UNNAMED_COLOURS = 2
"""FFmpeg's AVCOL_SPC_UNSPECIFIED."""


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

    def rate(self) -> float:
        """Frames a second on average, from the first frame's time stamp to the last one's."""
        timeline = self._read_timeline(None)
        with open_video(self._path) as (_, stream):
            span = float((timeline.stamps[-1] - timeline.stamps[0]) * _seconds_a_stamp(stream, timeline))
        return (len(timeline.stamps) - 1) / span if span > 0 else 24.0

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
        with open_video(self._path) as (container, stream):
            seconds_a_stamp = _seconds_a_stamp(stream, timeline)
            decoder = _Decoder(container, stream, timeline, jump)
            for index in indices:
                try:
                    frame = decoder.frame_at(timeline.stamps[index])
                except (av.FFmpegError, EOFError) as error:
                    at = min(decoder.next_index, index)
                    raise MediaError(f"{self._path} is damaged at frame {at}.", _cure_of_damage(at)) from error
                yield _upright_rgba(frame, stream), float(timeline.stamps[index] * seconds_a_stamp)

    def _read_timeline(self, enough: int | None) -> Timeline:
        known = self._timeline is not None and (self._enough is None or (enough is not None and enough <= self._enough))
        if not known:
            self._timeline, self._enough = read_timeline(self._path, enough), enough
        assert self._timeline is not None
        return self._timeline


class _Overshot(Exception):
    """A jump landed after the wanted frame: this container cannot be trusted to seek."""


class _Decoder:
    """Decodes forwards to wanted frames; where `jump` allows it, skips to a keyframe when that saves decoding."""

    def __init__(self, container: Any, stream: Any, timeline: Timeline, jump: bool):
        self._container, self._stream, self._timeline = container, stream, timeline
        self._keyframes = timeline.keyframes if jump else []
        self._codec = _codec_context(stream)
        self._frames = self._decode()
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
        for frame, position in self._frames:
            self._position = position
            if position < stamp:
                jumped = False
            elif jumped and position > stamp:
                raise _Overshot
            elif frame.is_corrupt:
                raise EOFError("the decoder calls the frame corrupt")
            else:
                return frame
        raise EOFError("the video ends early")

    def _jump_towards(self, stamp: int) -> bool:
        nearest = bisect_right(self._keyframes, stamp) - 1
        position = self._timeline.stamps[0] if self._position is None else self._position
        if nearest < 0 or self._keyframes[nearest] <= position:
            return False
        self._container.seek(self._keyframes[nearest], stream=self._stream)
        self._codec.flush_buffers()
        self._frames = self._decode()
        return True

    def _decode(self) -> Iterator[tuple[Any, int]]:
        """Every frame from here on, with its time stamp or, where there are none, its number."""
        numbers = count()
        for packet in self._container.demux(self._stream):
            ended = packet.size == 0 and packet.pts is None and packet.dts is None
            for frame in self._codec.decode(None if ended else packet):
                number = next(numbers)
                if not self._timeline.stamped:
                    yield frame, number
                elif frame.pts is not None:
                    yield frame, frame.pts


def _seconds_a_stamp(stream: Any, timeline: Timeline) -> Any:
    return stream.time_base if timeline.stamped else 1 / (stream.average_rate or 24)


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
