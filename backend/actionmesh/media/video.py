"""Frames from video files, with PyAV.

A first pass reads the frames' times (`timeline.py`). Then only the stretches from a keyframe to a wanted frame are
decoded. Memory holds a few pictures and the stamps (some bytes a frame), regardless of the video's length.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import av
import numpy as np

from ..errors import MediaError
from ..frame_numbers import number_of
from .container import REENCODE, OpenVideo, open_video
from .decoding import Picture, codec_of, decode, matrix_of
from .ends import from_first_sound
from .stamps import Timeline
from .timeline import read_timeline
from .upright import upright_rgba


class VideoFile:
    """A video file; it is opened on first use.

    Args:
        path: the file.
        check: called regularly while the file is read; an exception that it raises stops the work.
    """

    lossy = True

    def __init__(self, path: Path, check: Callable[[], None] = lambda: None):
        self.name = path.name
        self._path = path
        self._check = check
        self._timeline: Timeline | None = None
        self._enough: int | None = 0

    def count(self, enough: int | None = None) -> int:
        """Return the number of frames; counting may stop at `enough`.

        Raises:
            MediaError: the file cannot be opened as a video, or ends early, before `enough` frames.
        """
        timeline = self._read_timeline(enough)
        frames = len(timeline.stamps)
        if timeline.damaged and (enough is None or frames < enough):
            if frames == 0:
                raise self._undecodable()
            raise MediaError(
                f"{self._path} is damaged: it ends early, at frame {number_of(frames)}.", _cure_of_damage(frames)
            )
        return frames

    def frame_name(self, index: int) -> str:
        return f"frame {number_of(index)}"

    def rate(self) -> float:
        """Return the average frames a second, from the first frame's time stamp to the last one's."""
        timeline = self._read_timeline(None)
        span = float((timeline.stamps[-1] - timeline.stamps[0]) * timeline.unit) if timeline.stamps else 0
        return (len(timeline.stamps) - 1) / span if span > 0 else 24.0

    def read(self, indices: Sequence[int]) -> Iterator[tuple[np.ndarray, float]]:
        """Yield the frames at rising `indices`, (H, W, 4) uint8 and upright, and their seconds.

        Raises:
            MediaError: the video is damaged at one of the frames, or cannot be decoded.
        """
        done = 0
        with suppress(_Doubt):
            for answer in self._read(indices, quick=True):
                yield answer
                done += 1
        if done < len(indices):
            yield from self._read(indices[done:], quick=False)

    def _read(self, indices: Sequence[int], quick: bool) -> Iterator[tuple[np.ndarray, float]]:
        timeline = self._read_timeline(max(indices) + 1)
        with open_video(self._path) as video, closing(_Decoder(video, timeline, quick, self._check)) as decoder:
            for index in indices:
                yield self._picture(video, decoder, index), float(timeline.stamps[index] * timeline.unit)

    def _picture(self, video: OpenVideo, decoder: "_Decoder", index: int) -> np.ndarray:
        try:
            frame, order = decoder.frame_at(index), video.stream.codec_context.field_order
            return upright_rgba(frame, video.aspect, video.crop, decoder.matrix, order)
        except MemoryError:
            raise
        except (av.FFmpegError, EOFError) as error:
            if decoder.quick:
                raise _Doubt from error
            if decoder.empty:
                raise self._undecodable(video.stream.codec_context.name) from error
            at = min(decoder.next_index, index)
            raise MediaError(f"{self._path} is damaged at frame {number_of(at)}.", _cure_of_damage(at)) from error

    def _undecodable(self, codec: str = "") -> MediaError:
        coded = f" ({codec})" if codec else ""
        return MediaError(f"The pictures of {self._path} cannot be decoded{coded}.", REENCODE)

    def _read_timeline(self, enough: int | None) -> Timeline:
        known = self._timeline is not None and (self._enough is None or (enough is not None and enough <= self._enough))
        if not known:
            self._timeline, self._enough = read_timeline(self._path, enough, self._check), enough
        assert self._timeline is not None
        return self._timeline


class _Doubt(Exception):
    """The quick decoder reached an unsound or missing frame; the careful decoder finds the reason."""


class _Decoder:
    """Decodes forwards to wanted frames.

    Args:
        quick: seek to a keyframe if that saves decoding, and decode several frames at once. Seeking is not reliable in
            all containers, so an error does not prove that the file is damaged.
    """

    def __init__(self, video: OpenVideo, timeline: Timeline, quick: bool, check: Callable[[], None]):
        self._container, self._video = video.container, video
        self._stream: Any = video.stream
        self._timeline, self._check, self.quick = timeline, check, quick
        self._keyframes = [stamp for stamp, _ in timeline.keyframes] if quick and not timeline.numbered else []
        self.matrix = matrix_of(video)
        self._codec: Any = codec_of(video, frames_at_once=quick)
        self._frames: Any = self._decode()
        self._shown: tuple[Picture, int] | None = None
        self._ahead: tuple[Picture, int] | None = None
        self.empty = True

    def close(self) -> None:
        """Release the decoder and its threads now, not at garbage collection."""
        self._frames.close()
        self._frames = self._codec = self._stream = self._shown = self._ahead = None

    @property
    def next_index(self) -> int:
        """The index of the first frame that is not sound, as far as frames have been decoded."""
        if self._shown is None:
            return 0
        picture, position = self._shown
        return (
            position if self._timeline.numbered else bisect_right(self._timeline.stamps, position) - 1
        ) + picture.sound

    def frame_at(self, index: int) -> Any:
        """Return the frame that is shown at position `index` of the timeline; `index` must rise from call to call.

        If a packet gave no picture although nothing is wrong, the previous picture is returned.

        Raises:
            EOFError: the video ends before the frame, or the frame is not sound.
            av.FFmpegError: the frame cannot be decoded.
        """
        wanted = index if self._timeline.numbered else self._timeline.stamps[index]
        self._jump_towards(wanted)
        self._advance(wanted)
        if self._shown is None or not self._shown[0].sound:
            raise EOFError("the frame is not sound")
        if self._shown[1] != wanted and (self.quick or self._ahead is None or self._ahead[0].after_fault):
            raise EOFError("the frame is missing")
        return self._shown[0].frame

    def _advance(self, wanted: int) -> None:
        """Decode until the picture at position `wanted`, or a later one, is reached."""
        last_of_several = wanted in self._timeline.repeated
        while self._shown is None or self._shown[1] < wanted or last_of_several:
            self._ahead = self._ahead or next(self._frames, None)
            if self._ahead is None or (self._ahead[1] > wanted and self._shown is not None):
                break
            self._shown, self._ahead, self.empty = self._ahead, None, False

    def _jump_towards(self, stamp: int) -> bool:
        nearest = bisect_right(self._keyframes, stamp) - 1
        position = self._timeline.stamps[0] if self._shown is None else self._shown[1]
        if nearest < 0 or self._keyframes[nearest] <= position:
            return False
        self._container.seek(self._timeline.keyframes[nearest][1], stream=self._stream)
        self._codec.flush_buffers()
        self._frames.close()
        self._frames, self._shown, self._ahead = self._decode(), None, None
        return True

    def _decode(self) -> Iterator[tuple[Picture, int]]:
        """Yield every following picture with its time stamp or, if the timeline is numbered, its number."""
        pictures = decode(self._video, self._codec, self._timeline.from_keyframe, self._check)
        if self._timeline.numbered:
            yield from ((picture, number) for number, picture in enumerate(from_first_sound(pictures)))
        else:
            yield from ((picture, picture.frame.pts) for picture in pictures if picture.frame.pts is not None)


def _cure_of_damage(frame: int) -> str:
    return f"Copy or export it again, or choose only frames before {number_of(frame)}." if frame >= 2 else REENCODE
