"""The ends of a video that was cut or recorded between keyframes: pictures that cannot be shown there are left out."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import dropwhile
from pathlib import Path

import av

from .container import OpenVideo, open_video
from .decoding import Picture, codec_of, decode
from .stamps import Timeline

BROADCAST = ("mpegts", "mpeg")
"""Containers without a header: they give no duration, and FFmpeg seeks by decoding time, not by display time."""
JOINED_ANYWHERE = (*BROADCAST, "flv", "h264", "hevc", "m4v", "mpegvideo", "obu", "av1")
"""Containers that may begin within a group of pictures, whose rest is not shown; in others that counts as damage."""

LAST_PICTURES = 4
"""Pictures that may be lost at the end of a recorded broadcast: the last in the file, and those that depend on it."""


def without_lost_ends(path: Path, timeline: Timeline, ended: bool, check: Callable[[], None]) -> Timeline:
    """Return the timeline without the first and last pictures that cannot be shown because a cut removed parts of them.

    Args:
        ended: whether the timeline reaches the end of the file.
        check: called regularly; an exception that it raises stops the work.
    """
    if not timeline.stamps or not timeline.keyframes:
        return timeline
    with open_video(path) as video:
        if _begins_damaged(video, check):
            return replace(timeline, stamps=(), damaged=True)
        is_broadcast = video.container.format.name in BROADCAST
    shown = _without_lost_beginning(path, timeline, check)
    return _without_cut_end(path, shown, check) if ended and is_broadcast else shown


def _without_lost_beginning(path: Path, timeline: Timeline, check: Callable[[], None]) -> Timeline:
    """Return the timeline without pictures before the first keyframe's that depend on pictures that were cut off."""
    first = timeline.keyframes[0][0]
    if first <= timeline.stamps[0]:
        return timeline
    shown = set()
    with open_video(path) as video:
        try:
            for picture in decode(video, codec_of(video), True, check):
                if picture.frame.pts is not None and picture.frame.pts >= first:
                    break
                if picture.sound:
                    shown.add(picture.frame.pts)
        except (av.FFmpegError, EOFError):
            return timeline
    leading = bisect_left(timeline.stamps, first)
    kept = [stamp for stamp in timeline.stamps[:leading] if stamp in shown]
    return replace(timeline, stamps=kept + list(timeline.stamps[leading:]))


def _begins_damaged(video: OpenVideo, check: Callable[[], None]) -> bool:
    """Return whether a clip begins with packets that should be complete but cannot be decoded."""
    first = next((packet for packet in video.container.demux(video.stream) if packet.size), None)
    if first is None or first.is_keyframe or video.container.format.name in JOINED_ANYWHERE:
        return False
    video.container.seek(0)
    try:
        sound = next(from_first_sound(decode(video, codec_of(video), False, check)), None)
    except (av.FFmpegError, EOFError):
        return True
    return sound is None or sound.after_fault


def _without_cut_end(path: Path, timeline: Timeline, check: Callable[[], None]) -> Timeline:
    """Return the timeline without incomplete last pictures, found by decoding from the last keyframe but one."""
    first, sought = timeline.keyframes[-2:][0]
    sound = set()
    with open_video(path) as video:
        try:
            video.container.seek(sought, stream=video.stream)
            for picture in decode(video, codec_of(video, frames_at_once=False), True, check):
                if picture.sound:
                    sound.add(picture.frame.pts)
        except (av.FFmpegError, EOFError):
            return timeline
    if first not in sound:
        return timeline
    last = [stamp for stamp in timeline.stamps[-LAST_PICTURES:] if stamp <= first or stamp in sound]
    return replace(timeline, stamps=[*timeline.stamps[:-LAST_PICTURES], *last])


def from_first_sound(pictures: Iterable[Picture]) -> Iterator[Picture]:
    """Yield the pictures from the first sound one on."""
    return dropwhile(lambda picture: not picture.sound, pictures)
