"""Decoding of a video stream's pictures from the container's current position."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import av

from .container import LIMITS, OpenVideo
from .upright import display_matrix

ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders for codecs whose default decoder in FFmpeg drops the alpha channel."""
MAX_THREADS = 4
"""The most decoding threads, because each holds its own frames."""
HOPELESS = 50
"""Decoding stops after this many undecodable packets in a row."""


@dataclass(frozen=True)
class Picture:
    """A decoded frame.

    Args:
        frame: PyAV's frame.
        sound: whether the frame and all frames that it depends on are complete.
        after_fault: whether a packet between the previous picture and this one could not be decoded.
    """

    frame: Any
    sound: bool
    after_fault: bool


def codec_of(video: OpenVideo, frames_at_once: bool = True) -> Any:
    """Return the decoder for a stream.

    Args:
        frames_at_once: let threads decode several frames at a time: fast, but some faults are not reported.
    """
    native = video.stream.codec_context
    if not _needs_another(video):
        native.thread_type = "AUTO" if frames_at_once else "SLICE"
        native.thread_count = min(MAX_THREADS, os.cpu_count() or 1)
        return native
    context = av.CodecContext.create(ALPHA_DECODERS[native.name], "r")
    context.extradata, context.options = native.extradata, LIMITS
    return context


def _needs_another(video: OpenVideo) -> bool:
    tags = {name.lower(): value for name, value in video.stream.metadata.items()}
    return tags.get("alpha_mode") == "1" and video.stream.codec_context.name in ALPHA_DECODERS


def matrix_of(video: OpenVideo) -> Any:
    """Return the container's display matrix for all frames if the decoder does not pass it on; else None."""
    if not _needs_another(video):
        return None
    for packet in video.container.demux(video.stream):
        for frame in packet.decode():
            video.container.seek(0)
            return display_matrix(frame)
    return None


def decode(video: OpenVideo, codec: Any, from_keyframe: bool, check: Callable[[], None]) -> Iterator[Picture]:
    """Yield the pictures in display order.

    Args:
        from_keyframe: skip everything before the first packet that is marked as a keyframe.
        check: called before each packet; an exception that it raises stops the work.
    Raises:
        av.FFmpegError, EOFError: the container cannot be read any further, or nothing can be decoded.
    """
    sound, after_fault, started, faults = True, False, not from_keyframe, 0
    for packet in video.container.demux(video.stream):
        check()
        ended = packet.size == 0 and packet.pts is None and packet.dts is None
        started = started or packet.is_keyframe
        if not started and not ended:
            continue
        sound = sound and not packet.is_corrupt
        try:
            frames = codec.decode(None if ended else packet)
        except MemoryError:
            raise
        except av.FFmpegError:
            faults, sound, after_fault = faults + 1, False, True
            if faults == HOPELESS:
                raise
            continue
        for frame in frames:
            sound = not frame.is_corrupt and (sound or frame.key_frame)
            yield Picture(frame, sound, after_fault)
            after_fault = False
            faults = 0
