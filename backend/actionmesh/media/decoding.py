"""The pictures of a video's stream, decoded from where its container stands."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import av

from .container import LIMITS, OpenVideo
from .upright import display_matrix

ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""FFmpeg's own decoders of these drop the alpha channel."""
MAX_THREADS = 4
"""Each decoding thread holds frames of its own."""
HOPELESS = 50
"""So many packets in a row that cannot be decoded end the work."""


@dataclass(frozen=True)
class Picture:
    """A decoded frame.

    Args:
        sound: nothing is missing from it, or from those that it is made of.
        after_fault: a packet before it could not be decoded, and after the picture before it.
    """

    frame: Any
    sound: bool
    after_fault: bool


def codec_of(video: OpenVideo, frames_at_once: bool = True) -> Any:
    """The decoder of a stream.

    Args:
        frames_at_once: let threads decode several frames at a time: fast, and some faults are not told.
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
    """The display matrix that a container gives for all frames, where the decoder does not hand it on; else None."""
    if not _needs_another(video):
        return None
    for packet in video.container.demux(video.stream):
        for frame in packet.decode():
            video.container.seek(0)
            return display_matrix(frame)
    return None


def decode(video: OpenVideo, codec: Any, from_keyframe: bool, check: Callable[[], None]) -> Iterator[Picture]:
    """Yield the pictures in the order of showing.

    Args:
        from_keyframe: leave out what comes before the first packet that says that decoding can start there.
        check: called before each packet; what it raises ends the work.
    Raises:
        av.FFmpegError, EOFError: the container cannot be read on, or nothing can be decoded.
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
